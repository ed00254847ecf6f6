"""The router role: each router that this host serves, as a namespace with its interfaces and one nftables table.

What a router must be is decided by `router_plan` from views alone.  The namespace is then compared with it and the
difference applied: netlink batches for interfaces, addresses and routes, one nft transaction, one OVSDB transaction
for the ports of all routers of the round, and radvd for a router that has something to advertise.  A router of which
nothing changed is not looked at until the next audit, and the audit of one that is right costs three netlink dumps, a
question and a look at a process.

The order within a router is that of safety: rules first, then addresses, then the connections of addresses that were
taken away are cut, then new addresses are announced and advertised.  What is advertised no longer the guests hear
before anything changes (`foretell`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from heddle.agent.mirror import Mirror, ref_of
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.ha import ha_states
from heddle.agent.roles.mended import RULES, SinceAudit, drifts, mended, no_namespace, no_process
from heddle.agent.roles.parallel import together
from heddle.agent.roles.plugs import Plugs, plug
from heddle.agent.roles.router_advertising import check_gateway
from heddle.agent.roles.router_crossings import crossing
from heddle.agent.roles.router_farewells import say_goodbye
from heddle.agent.roles.router_forwarding import moved, protocols
from heddle.agent.roles.router_helpers import kinds
from heddle.agent.roles.router_limits import routers_with
from heddle.agent.roles.router_meters import LastReadings, concerns, readings
from heddle.agent.roles.router_plan import SETTINGS, RouterInput, RouterPlan, plan
from heddle.agent.roles.strays import drop_strays
from heddle.errors import HeddleError
from heddle.host.announce import Announcement
from heddle.host.ha_process import HaProcess
from heddle.host.helpers import Helpers
from heddle.host.layout import Change
from heddle.host.radvd import Radvd, advertising
from heddle.host.spaces import Space, Spaces, allow_descriptors
from heddle.host.tracked_ports import untracked
from heddle.view.types import MeterReading, Ref, RoleState, RouterView, Status

log = logging.getLogger(__name__)

PREFIX = "qrouter-"
_OUTCOMES = ("same", "changed", "drift")


@dataclass(slots=True)
class Realised:
    """A router as it was last made."""

    space: Space
    radvd: Radvd
    plan: RouterPlan


class RouterRole:
    name = "router"

    def __init__(
        self,
        spaces: Callable[[str, bool], Spaces] = Spaces,
        radvd: Callable[[str, str, Path], Radvd] = Radvd,
    ) -> None:
        self._make_spaces, self._make_radvd = spaces, radvd
        self._routers: dict[str, Realised] = {}
        self._owner: dict[Ref, str] = {}
        self._since = SinceAudit()
        self._last = LastReadings()
        self._helpers = Helpers()

    def prepare(self, host: Host) -> None:
        allow_descriptors()
        self._host = host
        check_gateway(host.settings.agent.ipv6_gateway)
        self._run_folder = Path(host.settings.paths.run)
        self._ha = ha_states(self._run_folder)
        self._spaces = self._make_spaces(PREFIX, host.datapath == "netdev")

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        wanted = mirror.assigned("router")
        if changed is None:
            there = {name.removeprefix(PREFIX) for name in self._spaces.ours()}
            concerned = wanted | there | set(self._routers) | advertising(self._run_folder)
        else:
            concerned = {owner for ref in changed for owner in self._owners(mirror, ref)}
            for ref in changed:
                if mirror.get(ref) is None:
                    self._owner.pop(ref, None)
        plugs = self._host.plugs()
        realised = sorted(each for each in concerned & wanted if each in mirror.routers)
        done = together(lambda router_id: self._realise(mirror, router_id, plugs), realised)
        done += [self._remove(router_id, plugs) for router_id in sorted(concerned - wanted)]
        if changed is None:
            self._strays(mirror, plugs)
        self._since.unplugged += plugs.commit()
        statuses = [status for statuses in done for status in statuses]
        return [_refuse(status, plugs.refused) if status.kind == "router" else status for status in statuses]

    def foretell(self, mirror: Mirror, changed: frozenset[Ref] | None) -> None:
        """Say goodbye where something will be advertised no more, but for routers that go to another host."""
        mine = mirror.assigned("router") & mirror.routers.keys()
        if changed is not None:
            mine &= {owner for ref in changed for owner in self._owners(mirror, ref)}
        say_goodbye((self._radvd(each), partial(self._planned, mirror, each)) for each in sorted(mine))

    def _planned(self, mirror: Mirror, router_id: str) -> RouterPlan:
        return plan(self._given(mirror, mirror.routers[router_id]))

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        found: list[Drift] = []
        plugs = self._host.plugs()
        for router_id, realised in sorted(self._routers.items()):
            try:
                found += self._audit_one(mirror, router_id, realised, plugs, repair)
            except (OSError, HeddleError) as error:
                log.warning("router audit failed router=%s error=%s", router_id, error)
                self._host.touch([Ref("router", router_id)])
        found += self._strays(mirror, plugs, repair)
        return self._since.told(found, plugs, repair)

    def _strays(self, mirror: Mirror, plugs: Plugs, repair: bool = True) -> list[Drift]:
        names = {name for each in self._routers.values() for name in each.plan.plugs}
        failed = mirror.assigned("router") - self._routers.keys()
        waiting = {port.id for router_id in failed for port in mirror.ports_by_device.of(router_id)}
        return drop_strays(self.name, plugs, self._spaces, names, waiting, repair)

    def state(self, mirror: Mirror) -> RoleState:
        interfaces = sum(len(each.plan.plugs) for each in self._routers.values())
        floating = sum(len(each.plan.floating) for each in self._routers.values())
        gateways = sum(1 for each in self._routers if each in mirror.routers and mirror.routers[each].gateway_port_id)
        return RoleState(
            role=self.name,
            configuration={
                "agent_mode": "legacy" if self._host.settings.agent.data_plane == "linuxbridge" else "dvr_snat",
                "leaves_floating_ips": True,
                "ha": self._host.ovs is not None and bool(self._host.settings.agent.tunnel_ip),
                "routers": len(self._routers),
                "ex_gw_ports": gateways,
                "interfaces": interfaces - gateways,
                "floating_ips": floating,
            },
            readings=self._readings(),
        )

    def _readings(self) -> list[MeterReading]:
        """What the counters of all routers say, and of those that went a moment ago what they said at last."""
        found = self._last.readings()
        for router_id, realised in self._routers.items():
            if realised.plan.meters:
                found += readings(router_id, realised.space.meters.read())
        return found

    def close(self) -> None:
        self._spaces.close()

    def _owners(self, mirror: Mirror, ref: Ref) -> set[str]:
        """The routers that a change concerns, as they were and as they are."""
        found = {self._owner.get(ref, "")} - {""}
        if ref.kind == "router":
            found.add(ref.id)
        elif ref.kind == "assignment" and ref.id.startswith("router/"):
            found.add(ref.id.removeprefix("router/"))
        elif ref.kind == "port" and ref.id in mirror.ports:
            found.add(mirror.ports[ref.id].device_id)
        elif ref.kind == "floating_ip" and ref.id in mirror.floating_ips:
            found.add(mirror.floating_ips[ref.id].router_id)
        elif ref.kind == "qos_policy":
            found |= routers_with(mirror, ref.id)
        elif ref.kind == "metering_label":
            found |= self._metered(mirror, ref.id)
        elif ref.kind == "network":
            found |= {port.device_id for port in mirror.ports_by_network.of(ref.id)}
        elif ref.kind == "subnet" and ref.id in mirror.subnets:
            network_id = mirror.subnets[ref.id].network_id
            found |= {port.device_id for port in mirror.ports_by_network.of(network_id)}
        return {each for each in found if each in mirror.routers or each in self._routers or ref.kind == "router"}

    def _metered(self, mirror: Mirror, label_id: str) -> set[str]:
        """The routers whose traffic the label counted or is to count."""
        label = mirror.metering_labels.get(label_id)
        before = {router_id for router_id, each in self._routers.items() if label_id in each.plan.meters}
        return before | {each.id for each in mirror.routers.values() if label and concerns(label, each)}

    def _realise(self, mirror: Mirror, router_id: str, plugs: Plugs) -> list[Status]:
        router = mirror.routers[router_id]
        try:
            given = self._given(mirror, router)
            wanted = plan(given)
            self._remake(router_id, wanted, plugs)
        except (OSError, HeddleError, ValueError) as error:
            log.error("router failed router=%s revision=%d error=%s", router_id, router.revision, error)
            return [_status("router", router_id, router.revision, "error", str(error))]
        state = "up" if router.admin_state_up else "down"
        problem = _problem_of(router_id, wanted)
        statuses = [self._with_ha(_status("router", router_id, router.revision, state, problem), router)]
        for item in given.floating_ips:
            problem = wanted.problems.get(("floating_ip", item.id), "")
            statuses.append(_status("floating_ip", item.id, item.revision, state, problem))
        return statuses

    def _with_ha(self, status: Status, router: RouterView) -> Status:
        if router.ha is None:
            return status
        state, term = self._ha(router.id)
        return msgspec.structs.replace(status, ha_state=state, ha_term=term)

    def _given(self, mirror: Mirror, router: RouterView) -> RouterInput:
        """What belongs to the router; its objects are noted as its own."""
        floating = tuple(item for item in mirror.floating_ips_by_router.of(router.id) if not item.host)
        given = RouterInput(
            router,
            tuple(mirror.ports_by_device.of(router.id)),
            mirror.networks,
            mirror.subnets,
            floating,
            tuple(mirror.metering_labels.values()),
            self._host.settings.serves_metadata,
            self._helpers.lacking(kinds(router)),
            mirror.policies,
            self._host.settings.agent.ipv6_gateway,
            untracked(protocols(floating)),
        )
        self._owner.update({ref_of(each): router.id for each in (*given.ports, *given.floating_ips)})
        return given

    def _remake(self, router_id: str, wanted: RouterPlan, plugs: Plugs) -> None:
        name, before = PREFIX + router_id, self._routers.get(router_id)
        current = before is not None and self._spaces.is_current(name)
        change, rules, radvd = self._apply(router_id, wanted, plugs)
        if before is not None:
            self._since.drifts += mended("router", router_id, name, current, before.plan.layout, change)
            found = [RULES] if rules == "drift" else []
            found += [no_process("radvd", name)] if radvd == "started" and current and before.plan.advertised else []
            self._since.drifts += drifts("router", router_id, name, found)

    def _apply(self, router_id: str, wanted: RouterPlan, plugs: Plugs) -> tuple[Change, str, str]:
        """Make the router be as planned; tells what was changed, how the rules were found, and what became of radvd."""
        before = self._routers.get(router_id)
        space, radvd = self._spaces.ensure(PREFIX + router_id, SETTINGS), self._radvd(router_id)
        rules = max(space.rules(wanted.table), space.meters.ensure(wanted.meters), key=_OUTCOMES.index)
        change = space.converge(wanted.layout)
        self._plug(router_id, wanted, change, plugs)
        self._routers[router_id] = Realised(space, radvd, wanted)
        addresses, services = moved(before.plan.table, wanted.table) if before else (set(), set())
        cut = space.cut(addresses | {address.partition("/")[0] for _, address in change.withdrawn}, services)
        if rules != "same" and (before is None or before.plan.scopes != wanted.scopes):
            cut += space.cut_where(crossing(wanted.layout, wanted.scopes))
        macs = {item.name: item.mac for item in wanted.layout.interfaces}
        news = (*change.added, *change.answering)
        space.announce([Announcement(name, macs[name], each.partition("/")[0]) for name, each in news])
        advertising = radvd.ensure(wanted.advertised)
        if change.any or rules != "same" or advertising not in ("none", "same"):
            log.info(
                "router realised router=%s made=%d removed=%d requests=%d rules=%s connections_cut=%d radvd=%s",
                router_id, len(change.made), len(change.removed), change.requests, rules, cut, advertising,
            )  # fmt: skip
        if change.failures:
            raise change.failures[0]
        return change, rules, advertising

    def _radvd(self, router_id: str) -> Radvd:
        return self._make_radvd(router_id, PREFIX + router_id, self._run_folder)

    def _plug(self, router_id: str, wanted: RouterPlan, change: Change, plugs: Plugs) -> None:
        for name in change.removed:
            plugs.drop(name)
        for name, port in wanted.plugs.items():
            plugs.want(router_id, plug(name, port, self.name), name in change.made)

    def _remove(self, router_id: str, plugs: Plugs) -> list[Status]:
        known = self._routers.pop(router_id, None)
        HaProcess(self._run_folder).take_back(router_id)
        self._last.keep(router_id, self._spaces.counts(PREFIX + router_id))
        for ref in [ref for ref, owner in self._owner.items() if owner == router_id]:
            del self._owner[ref]
        self._radvd(router_id).remove()
        if known is None and PREFIX + router_id not in self._spaces.ours():
            return []
        for name in {*self._spaces.remove(PREFIX + router_id), *(known.plan.plugs if known else ())}:
            plugs.drop(name)
        log.info("router removed router=%s", router_id)
        return [_status("router", router_id, 0, "gone")]

    def _audit_one(
        self, mirror: Mirror, router_id: str, realised: Realised, plugs: Plugs, repair: bool
    ) -> list[Drift]:
        if router_id not in mirror.routers:
            return []
        name, wanted = PREFIX + router_id, realised.plan
        if not self._spaces.is_current(name):
            found = [no_namespace("router", router_id, name)]
        else:
            space = realised.space
            rules = [RULES] if space.disturbed(wanted.table) or space.meters.disturbed(wanted.meters) else []
            other = space.deviations(wanted.layout) + rules + realised.radvd.deviations(wanted.advertised)
            found = drifts("router", router_id, name, other)
        if repair and found:
            self._apply(router_id, wanted, plugs)
        else:
            self._plug(router_id, wanted, Change(), plugs)
        return found


def _status(kind: str, id_: str, revision: int, state: str, problem: str = "") -> Status:
    return Status(kind=kind, id=id_, revision=revision, state="error" if problem else state, message=problem)


def _problem_of(router_id: str, wanted: RouterPlan) -> str:
    """What is wrong with the router itself or with a port of it: a port's own status is the switch's to tell."""
    own = wanted.problems.get(("router", router_id), "")
    return own or next((f"port {id_}: {text}" for (kind, id_), text in wanted.problems.items() if kind == "port"), "")


def _refuse(status: Status, refused: Mapping[str, str]) -> Status:
    """The status of a router, one of whose ports the switch would not take."""
    problem = refused.get(status.id, "")
    return _status(status.kind, status.id, status.revision, "error", problem) if problem else status
