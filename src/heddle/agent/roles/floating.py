"""Floating IPs of distributed routers, on the hosts of their guests: a namespace for each router, beside the roles.

It runs on every host with Open vSwitch.  The server says which floating IPs are this host's (`FloatingIpView.host`) and
gives the host a port on their network; what the namespace of a router must be says `floating_plan.py`, and it is made
and kept as a router's is (`router.py`): rules first, then addresses, then connections of addresses that went are cut,
then new addresses are announced.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.floating_plan import FloatingInput, FloatingPlan, interface_name, plan
from heddle.agent.roles.mended import RULES, SinceAudit, drifts, mended, no_namespace
from heddle.agent.roles.plugs import Plugs, plug
from heddle.agent.roles.router_forwarding import moved
from heddle.agent.roles.router_helpers import kinds
from heddle.agent.roles.router_plan import SETTINGS
from heddle.agent.roles.strays import drop_strays
from heddle.agent.routed_floating import FLOATING_GATEWAY
from heddle.errors import HeddleError
from heddle.host.announce import Announcement
from heddle.host.helpers import Helpers
from heddle.host.layout import Change
from heddle.host.spaces import Space, Spaces, allow_descriptors
from heddle.view.types import FloatingIpView, PortView, Ref, RoleState, RouterView, Status

log = logging.getLogger(__name__)

PREFIX = "qfip-"


class FloatingRole:
    name = "floating"

    def __init__(self, spaces: Callable[[str, bool], Spaces] = Spaces) -> None:
        self._make_spaces = spaces
        self._made: dict[str, tuple[Space, FloatingPlan, PortView]] = {}
        self._gates: dict[str, PortView] = {}
        self._router_of: dict[Ref, str] = {}
        self._since = SinceAudit()
        self._helpers = Helpers()

    def prepare(self, host: Host) -> None:
        allow_descriptors()
        self._host = host
        self._spaces = self._make_spaces(PREFIX, host.datapath == "netdev")

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        """On a host with Linux bridges no port says that it shall translate, and there is nothing to do."""
        self._learn(mirror, changed)
        known = {*self._gates, *self._made}
        if changed is None:
            concerned = known | {name.removeprefix(PREFIX) for name in self._spaces.ours()}
        else:
            concerned = {owner for ref in changed for owner in self._owners(mirror, ref)} & known if known else known
        if not concerned and changed is not None:
            return []
        plugs = self._host.plugs()
        done: list[Status] = []
        for router_id in sorted(concerned):
            router, port = mirror.routers.get(router_id), self._gates.get(router_id)
            if router is None or port is None:
                self._remove(router_id, plugs)
            else:
                done += self._realise(mirror, router, port, plugs)
        if changed is None:
            self._strays(plugs)
        self._since.unplugged += plugs.commit()
        return [_refused(mirror, status, plugs.refused) for status in done]

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        found: list[Drift] = []
        plugs = self._host.plugs()
        for router_id in sorted(self._made):
            try:
                found += self._audit_one(router_id, plugs, repair)
            except (OSError, HeddleError) as error:
                log.warning("audit of floating IPs failed router=%s error=%s", router_id, error)
                self._host.touch([Ref("router", router_id)])
        found += self._strays(plugs, repair)
        return self._since.told(found, plugs, repair)

    def _strays(self, plugs: Plugs, repair: bool = True) -> list[Drift]:
        names = {interface_name(port) for _, _, port in self._made.values()}
        waiting = {port.id for router_id, port in self._gates.items() if router_id not in self._made}
        return drop_strays(self.name, plugs, self._spaces, names, waiting, repair)

    def state(self, mirror: Mirror) -> RoleState:
        floating = sum(len(made.layout.interfaces[0].addresses) for _, made, _ in self._made.values())
        return RoleState(role=self.name, configuration={"routers": len(self._made), "floating_ips": floating})

    def close(self) -> None:
        self._spaces.close()

    def _learn(self, mirror: Mirror, changed: frozenset[Ref] | None) -> None:
        """By which port this host translates for each router."""
        refs = [Ref("port", id) for id in mirror.ports] if changed is None else changed
        if changed is None:
            self._gates.clear()
        for ref in refs:
            port = mirror.ports.get(ref.id) if ref.kind == "port" else None
            if port is not None and port.device_owner == FLOATING_GATEWAY:
                self._gates[port.device_id] = port
            elif ref.kind == "port":
                for router_id in [id for id, each in self._gates.items() if each.id == ref.id]:
                    del self._gates[router_id]

    def _owners(self, mirror: Mirror, ref: Ref) -> set[str]:
        """The routers that a change may concern, as they were and as they are."""
        found = {self._router_of.get(ref, "")} - {""}
        if ref.kind == "router":
            found.add(ref.id)
        elif ref.kind == "port" and ref.id in mirror.ports:
            found.add(mirror.ports[ref.id].device_id)
            reached = (item for id in self._gates for item in mirror.floating_ips_by_router.of(id))
            found |= {item.router_id for item in reached if item.port_id == ref.id}
        elif ref.kind == "floating_ip" and ref.id in mirror.floating_ips:
            found.add(mirror.floating_ips[ref.id].router_id)
        elif ref.kind in ("network", "subnet"):
            found |= self._gates.keys()
        elif ref.kind == "neighbour":
            found |= {id for id in self._gates if id in mirror.routers and mirror.routers[id].gateway_port_id == ref.id}
        return found

    def _realise(self, mirror: Mirror, router: RouterView, port: PortView, plugs: Plugs) -> list[Status]:
        mine = [each for each in mirror.floating_ips_by_router.of(router.id) if each.host == self._host.name]
        self._router_of |= {Ref("floating_ip", each.id): router.id for each in mine} | {Ref("port", port.id): router.id}
        ready = [each for each in mine if self._mtu(mirror, each)]
        waiting = [_status(each, "error", "waits for its port, or for that one's network") for each in mine
                   if each not in ready]  # fmt: skip
        if port.network_id not in mirror.networks:
            return [_status(each, "error", f"waits for network {port.network_id}") for each in mine]
        try:
            wanted = plan(self._given(mirror, router, port, ready))
            self._remake(router.id, wanted, port, plugs)
        except (OSError, HeddleError, ValueError) as error:
            log.error("floating IPs failed router=%s error=%s", router.id, error)
            return [_status(each, "error", str(error)) for each in mine]
        state, problem = "up" if router.admin_state_up else "down", next(iter(wanted.problems.values()), "")
        return [_status(each, "error" if problem else state, problem) for each in ready] + waiting

    def _mtu(self, mirror: Mirror, item: FloatingIpView) -> int:
        """The MTU of the guest's network, 0 while that is not known."""
        guest = mirror.ports.get(item.port_id)
        network = mirror.networks.get(guest.network_id) if guest else None
        return network.mtu if network else 0

    def _given(
        self, mirror: Mirror, router: RouterView, port: PortView, items: Iterable[FloatingIpView]
    ) -> FloatingInput:
        every = tuple(items)
        return FloatingInput(
            router, port, mirror.networks[port.network_id],
            tuple(sorted(mirror.subnets_by_network.of(port.network_id), key=lambda each: each.id)),
            _nexthop(mirror, router), every, {each.id: self._mtu(mirror, each) for each in every},
            self._helpers.lacking(kinds(router)),
        )  # fmt: skip

    def _remake(self, router_id: str, wanted: FloatingPlan, port: PortView, plugs: Plugs) -> None:
        name, before = PREFIX + router_id, self._made.get(router_id)
        current = before is not None and self._spaces.is_current(name)
        change, rules = self._apply(router_id, wanted, port, plugs)
        if before is not None:
            self._since.drifts += mended("router", router_id, name, current, before[1].layout, change)
            self._since.drifts += drifts("router", router_id, name, [RULES] if rules == "drift" else [])

    def _apply(self, router_id: str, wanted: FloatingPlan, port: PortView, plugs: Plugs) -> tuple[Change, str]:
        """Make it be as planned; tells what was changed, and how the rules were found."""
        before = self._made.get(router_id)
        space = self._spaces.ensure(PREFIX + router_id, SETTINGS)
        rules = space.rules(wanted.table)
        change = space.converge(wanted.layout)
        self._plug(router_id, port, change, plugs)
        self._made[router_id] = (space, wanted, port)
        addresses = moved(before[1].table, wanted.table)[0] if before else set()
        space.cut(addresses | {address.partition("/")[0] for _, address in change.withdrawn})
        news = [Announcement(name, port.mac_address, each.partition("/")[0]) for name, each in change.added]
        space.announce(news)
        if change.any or rules != "same":
            log.info("floating IPs realised router=%s made=%d removed=%d requests=%d rules=%s",
                     router_id, len(change.made), len(change.removed), change.requests, rules)  # fmt: skip
        if change.failures:
            raise change.failures[0]
        return change, rules

    def _plug(self, router_id: str, port: PortView, change: Change, plugs: Plugs) -> None:
        for name in change.removed:
            plugs.drop(name)
        plugs.want(router_id, plug(interface_name(port), port, self.name), interface_name(port) in change.made)

    def _remove(self, router_id: str, plugs: Plugs) -> None:
        known = self._made.pop(router_id, None)
        self._router_of = {ref: owner for ref, owner in self._router_of.items() if owner != router_id}
        if known is None and PREFIX + router_id not in self._spaces.ours():
            return
        own = {interface_name(known[2])} if known else set()
        for name in {*self._spaces.remove(PREFIX + router_id), *own}:
            plugs.drop(name)
        log.info("floating IPs removed router=%s", router_id)

    def _audit_one(self, router_id: str, plugs: Plugs, repair: bool) -> list[Drift]:
        space, wanted, port = self._made[router_id]
        name = PREFIX + router_id
        if not self._spaces.is_current(name):
            found = [no_namespace("router", router_id, name)]
        else:
            rules = [RULES] if space.disturbed(wanted.table) else []
            found = drifts("router", router_id, name, space.deviations(wanted.layout) + rules)
        if repair and found:
            self._apply(router_id, wanted, port, plugs)
        else:
            self._plug(router_id, port, Change(), plugs)
        return found


def _nexthop(mirror: Mirror, router: RouterView) -> str:
    """The gateway of the external network that the router itself has, for IPv4."""
    gateway = mirror.neighbours.get(router.gateway_port_id)
    subnets = [mirror.subnets.get(each.subnet_id) for each in gateway.fixed_ips] if gateway else []
    return next((each.gateway_ip for each in subnets if each and each.ip_version == 4 and each.gateway_ip), "")


def _status(item: FloatingIpView, state: str, problem: str = "") -> Status:
    return Status(kind="floating_ip", id=item.id, revision=item.revision, state=state, message=problem)


def _refused(mirror: Mirror, status: Status, refused: dict[str, str]) -> Status:
    """The status of a floating IP of a router whose port the switch would not take."""
    item = mirror.floating_ips.get(status.id)
    problem = refused.get(item.router_id, "") if item else ""
    return _status(item, "error", problem) if item and problem else status
