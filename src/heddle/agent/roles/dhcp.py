"""The DHCP role: each network that this host serves, as a namespace with the server's port and one dnsmasq.

What it must be is decided by `dhcp_plan`.  A port more in a network becomes one line more in a file and one signal,
however many came together; dnsmasq is started anew only when its own configuration is another one.  It outlives the
agent: a restarted agent finds it by its pid file and leaves it alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from heddle.agent.mirror import Mirror, ref_of
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.dhcp_plan import OWNER, SETTINGS, DhcpInput, DhcpPlan, Entries, plan
from heddle.agent.roles.mended import SinceAudit, drifts, mended, no_namespace, no_process
from heddle.agent.roles.parallel import together
from heddle.agent.roles.plugs import Plugs, plug
from heddle.agent.roles.strays import drop_strays
from heddle.errors import HeddleError
from heddle.host.dnsmasq import Dnsmasq, Lease
from heddle.host.layout import Change
from heddle.host.spaces import Spaces, allow_descriptors
from heddle.view.types import NetworkView, PortView, Ref, RoleState, Status

log = logging.getLogger(__name__)

PREFIX = "qdhcp-"


@dataclass(slots=True)
class Served:
    """A network as it was last made."""

    server: Dnsmasq
    plan: DhcpPlan
    entries: Entries


class DhcpRole:
    name = "dhcp"

    def __init__(
        self,
        spaces: Callable[[str, bool], Spaces] = Spaces,
        server: Callable[[str, str, Path, Path], Dnsmasq] = Dnsmasq,
    ) -> None:
        self._make_spaces, self._make_server = spaces, server
        self._networks: dict[str, Served] = {}
        self._network_of: dict[Ref, str] = {}
        self._since = SinceAudit()

    def prepare(self, host: Host) -> None:
        allow_descriptors()
        self._host = host
        self._spaces = self._make_spaces(PREFIX, host.datapath == "netdev")

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        wanted = mirror.assigned("dhcp")
        if changed is None:
            there = {name.removeprefix(PREFIX) for name in self._spaces.ours()}
            concerned = wanted | there | set(self._networks)
        else:
            concerned = {network for ref in changed for network in self._networks_of(mirror, ref)}
        plugs = self._host.plugs()
        served = sorted(each for each in concerned & wanted if each in mirror.networks)
        done = together(lambda network_id: self._realise(mirror, network_id, plugs), served)
        done += together(lambda network_id: self._remove(network_id, plugs), sorted(concerned - wanted))
        if changed is None:
            self._strays(mirror, plugs)
        self._since.unplugged += plugs.commit()
        for network_id, problem in plugs.refused.items():
            done.append([_failed(mirror.networks[network_id], problem)])
        return [status for statuses in done for status in statuses]

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        found: list[Drift] = []
        plugs = self._host.plugs()
        for network_id, served in sorted(self._networks.items()):
            try:
                found += self._audit_one(network_id, served, plugs, repair)
            except (OSError, HeddleError) as error:
                log.warning("dhcp audit failed network=%s error=%s", network_id, error)
                self._host.touch([Ref("network", network_id)])
        found += self._strays(mirror, plugs, repair)
        return self._since.told(found, plugs, repair)

    def _strays(self, mirror: Mirror, plugs: Plugs, repair: bool = True) -> list[Drift]:
        names = {each.plan.plug[0] for each in self._networks.values()}
        failed = mirror.assigned("dhcp") - self._networks.keys()
        waiting = {port.id for network_id in failed for port in mirror.ports_by_network.of(network_id)}
        return drop_strays(self.name, plugs, self._spaces, names, waiting, repair)

    def state(self, mirror: Mirror) -> RoleState:
        plans = [each.plan for each in self._networks.values()]
        return RoleState(
            role=self.name,
            configuration={
                "dhcp_driver": "dnsmasq",
                "networks": len(plans),
                "subnets": sum(line.startswith("dhcp-range=") for each in plans for line in each.files.conf),
                "ports": sum(len(each.files.hosts) for each in plans),
            },
        )

    def close(self) -> None:
        self._spaces.close()

    def _networks_of(self, mirror: Mirror, ref: Ref) -> set[str]:
        """The networks that a change concerns, as they were and as they are."""
        item = mirror.get(ref)
        known = self._network_of.get(ref, "") if item is not None else self._network_of.pop(ref, "")
        found = {known} - {""}
        if ref.kind == "network":
            found.add(ref.id)
        elif ref.kind == "assignment" and ref.id.startswith("dhcp/"):
            found.add(ref.id.removeprefix("dhcp/"))
        elif ref.kind in ("port", "subnet", "neighbour"):
            found.add(getattr(item, "network_id", ""))
        served = mirror.assigned("dhcp")
        return {each for each in found if each in served or each in self._networks}

    def _realise(self, mirror: Mirror, network_id: str, plugs: Plugs) -> list[Status]:
        network = mirror.networks[network_id]
        port = next((each for each in mirror.ports_by_network.of(network_id) if each.device_owner == OWNER), None)
        if port is None or not network.admin_state_up:
            return self._withdraw(network_id, plugs)
        cloud = self._host.settings
        subnets = tuple(mirror.subnets_by_network.of(network_id))
        neighbours = tuple(mirror.neighbours_by_network.of(network_id))
        given = DhcpInput(
            network, port, subnets, neighbours, cloud.network.dns_domain, cloud.network.dhcp_lease_seconds,
            cloud.serves_metadata and cloud.metadata.isolated_networks,
        )  # fmt: skip
        self._network_of.update({ref_of(item): network_id for item in (*subnets, *neighbours, port)})
        try:
            known = self._networks.get(network_id)
            entries = known.entries if known else Entries()
            self._remake(network_id, plan(given, entries), entries, plugs)
        except (OSError, HeddleError, ValueError) as error:
            log.error("dhcp failed network=%s revision=%d error=%s", network_id, network.revision, error)
            return [_failed(network, str(error))]
        return [Status(kind="network", id=network_id, revision=network.revision, state="up")]

    def _remake(self, network_id: str, wanted: DhcpPlan, entries: Entries, plugs: Plugs) -> None:
        name, before = PREFIX + network_id, self._networks.get(network_id)
        current = before is not None and self._spaces.is_current(name)
        change, outcome = self._apply(network_id, wanted, entries, plugs)
        if before is not None:
            self._since.drifts += mended("network", network_id, name, current, before.plan.layout, change)
            ended = [no_process("dnsmasq", name)] if current and outcome == "started" else []
            self._since.drifts += drifts("network", network_id, name, ended)

    def _apply(self, network_id: str, wanted: DhcpPlan, entries: Entries, plugs: Plugs) -> tuple[Change, str]:
        """Make it be as planned; tells what changed in the namespace, and what became of the server."""
        change = self._spaces.ensure(PREFIX + network_id, SETTINGS).converge(wanted.layout)
        if change.failures:
            raise change.failures[0]
        for name in change.removed:
            plugs.drop(name)
        plugs.want(network_id, plug(*wanted.plug, self.name), wanted.plug[0] in change.made)
        server = self._server(network_id)
        outcome = server.ensure(wanted.files)
        before = self._networks.get(network_id)
        self._networks[network_id] = Served(server, wanted, entries)
        if outcome != "same":
            lost = set(before.plan.files.hosts) - set(wanted.files.hosts) if before else set()
            stale = _stale(server.leases(), wanted, lost) if lost or before is None else []
            server.release(stale, _address(wanted.plug[1]), wanted.plug[0])
            log.info(
                "dhcp realised network=%s server=%s hosts=%d released=%d",
                network_id, outcome, len(wanted.files.hosts), len(stale),
            )  # fmt: skip
        return change, outcome

    def _server(self, network_id: str) -> Dnsmasq:
        settings = self._host.settings
        return self._make_server(network_id, PREFIX + network_id, Path(settings.paths.run), settings.host_folder)

    def _withdraw(self, network_id: str, plugs: Plugs) -> list[Status]:
        """No port of the server has come, or the network is down: nothing may run under its address."""
        if network_id in self._networks or PREFIX + network_id in self._spaces.ours():
            return self._remove(network_id, plugs)
        return []

    def _remove(self, network_id: str, plugs: Plugs) -> list[Status]:
        known = self._networks.pop(network_id, None)
        for ref in [ref for ref, network in self._network_of.items() if network == network_id]:
            del self._network_of[ref]
        if known is None and PREFIX + network_id not in self._spaces.ours():
            return []
        self._server(network_id).remove()
        interfaces = {*self._spaces.remove(PREFIX + network_id), *([known.plan.plug[0]] if known else [])}
        for name in interfaces:
            plugs.drop(name)
        log.info("dhcp removed network=%s", network_id)
        return []

    def _audit_one(self, network_id: str, served: Served, plugs: Plugs, repair: bool) -> list[Drift]:
        name, wanted = PREFIX + network_id, served.plan
        if self._spaces.is_current(name):
            seen = self._spaces.ensure(name, SETTINGS).deviations(wanted.layout)
            found = drifts("network", network_id, name, seen + served.server.deviations(wanted.files))
        else:
            found = [no_namespace("network", network_id, name)]
        if repair and found:
            self._apply(network_id, wanted, served.entries, plugs)
        else:
            plugs.want(network_id, plug(*wanted.plug, self.name), False)
        return found


def _failed(network: NetworkView, problem: str) -> Status:
    message = f"DHCP: {problem}"
    return Status(kind="network", id=network.id, revision=network.revision, state="error", message=message)


def _stale(leases: list[Lease], wanted: DhcpPlan, lost: set[str]) -> list[Lease]:
    """The leases whose holder has that address no more.

    One of IPv6 does not tell the holder's MAC: it is stale when nobody has the address, or when the one who had it is
    among the `lost` lines.
    """
    held = {_holder(line) for line in wanted.files.hosts}
    addresses = {address for _, address in held} - {address for _, address in {_holder(line) for line in lost} - held}
    return [
        lease
        for lease in leases
        if (lease.address not in addresses if ":" in lease.address else (lease.mac.lower(), lease.address) not in held)
    ]


def _holder(line: str) -> tuple[str, str]:
    """MAC and address of a line of `hosts`."""
    fields = line.split(",")
    return fields[0].lower(), fields[-1].strip("[]")


def _address(port: PortView) -> str:
    return next((item.ip_address for item in port.fixed_ips if ":" not in item.ip_address), "")
