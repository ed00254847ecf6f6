"""The switch: bridges, the wiring of ports, security groups and tunnels, on Open vSwitch.

`prepare` makes the bridges and what joins them (`switch_bridges.py`).

`reconcile` plans the flows of what changed (`wiring.py`) and applies them in one bundle (`switch_flows.py`).  The
first time, and when vswitchd was restarted, the flows of the bridges are compared with the plan and only what
differs is changed: flows that are right are not touched.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Plan
from heddle.agent.refused import SWITCH, tell_on_switch
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.switch_audit import audit_flows, bridge_drifts, guard_drift, unguarded
from heddle.agent.roles.switch_bridges import Bridges, folder_of
from heddle.agent.roles.switch_connections import TrackedConnections
from heddle.agent.roles.switch_flows import SwitchFlows
from heddle.agent.roles.switch_policing import PolicedPorts
from heddle.agent.roles.switch_status import Observed
from heddle.agent.roles.switch_tags import TAGS, Tags
from heddle.agent.wiring import Wiring
from heddle.errors import HeddleError
from heddle.host.device_limits import DeviceLimits
from heddle.host.flow_meters import Meters
from heddle.host.flow_watch import Watch
from heddle.host.guard import Guard
from heddle.host.openflow import Flows
from heddle.host.run import CommandError
from heddle.host.tracked import Connections
from heddle.host.underlay import FindLink, link_of
from heddle.view.types import Ref, RoleState, Status

log = logging.getLogger(__name__)

WHOLE = Ref("interface", "")


class SwitchRole:
    name = "switch"

    def __init__(
        self, make_flows: Callable[[str], Flows] = Flows, make_watch: Callable[..., Watch] = Watch,
        make_guard: Callable[[], Guard] = Guard, make_connections: Callable[..., Connections] = Connections,
        find_link: FindLink = link_of, make_meters: Callable[..., Meters] = Meters,
        make_limits: Callable[[], DeviceLimits] = DeviceLimits,
    ) -> None:
        self._find_link = find_link
        self._make_flows, self._make_watch, self._make_connections = make_flows, make_watch, make_connections
        self._make_meters, self._make_limits = make_meters, make_limits
        self._guard = make_guard()
        self._adopted = False
        self._undone: list[Drift] = []

    def prepare(self, host: Host) -> None:
        """Raises `HeddleError` when the bridges cannot be made, and when a bridge of our names is not ours."""
        self._host = host
        self._ovs = host.vswitch
        self._bridges = Bridges(host, self._find_link)
        macs = host.settings.agent.dvr_base_mac, host.settings.network.mac_beginning
        self._wiring = Wiring(host.name, self._ovs.plugged, *macs)
        self._observed = Observed(self._ovs, self._wiring)
        self._tags = Tags(self._ovs, self._wiring, host.touch)
        self._wiring.networks.adopt_tags(self._ovs.interfaces(INT))
        if host.datapath == "netdev":
            self._guard.load()
        else:
            with contextlib.suppress(CommandError):
                self._guard.remove()
        self._make_bridges()
        names = self._bridges.flow_bridges
        self._flows = {bridge: self._make_flows(bridge) for bridge in names}
        folder = folder_of(host.settings.agent.ovsdb)
        connections = self._make_connections(folder, host.datapath, INT)
        self._connections = TrackedConnections(host, self._wiring, connections)
        self._policed = PolicedPorts(host, self._wiring, self._make_meters(folder, INT), self._make_limits())
        self._watches = {bridge: self._make_watch(folder, bridge, self._came_back(bridge)) for bridge in names}
        self._on_bridges = SwitchFlows(self._wiring, self._flows, self._watches)

    def close(self) -> None:
        with contextlib.suppress(HeddleError):
            self._tags.write()
        for watch in self._watches.values():
            watch.close()
        for flows in self._flows.values():
            flows.close()
        self._policed.close()

    def _came_back(self, bridge: str) -> Callable[[], None]:
        return lambda: self._host.touch([Ref("bridge", bridge)])

    def _make_bridges(self, sync: bool = True) -> bool:
        made = self._bridges.make(sync)
        self._wiring.uplinks = self._bridges.uplinks()
        return made

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        new_tunnels, missing = self._bridges.learn(mirror), self._bridges.missing(self._bridges.flow_bridges)
        self._undone += bridge_drifts(missing) if missing else []
        if new_tunnels or missing or any(self._unsettles(ref) for ref in changed or (WHOLE,)):
            self._adopted = False
        if not self._adopted:
            return self._adopt(mirror)
        plan = self._wiring.plan(mirror, changed)
        if changed is None or any(ref.kind in ("port", "interface", SWITCH) for ref in changed):
            self._begin_guard()
        self._policed.before(plan, mirror, changed)
        self._on_bridges.apply(plan, mirror)
        self._finish(plan)
        self._connections.follow(plan)
        if changed is None or TAGS in changed:
            self._tags.write()
        return self._observed.statuses(mirror, plan, changed)

    def _unsettles(self, ref: Ref) -> bool:
        """Whether flows may be lost, or port numbers of our own have changed."""
        if ref.kind == "interface" and self._wiring.uplinks != self._bridges.uplinks():
            return True
        return ref.kind == "bridge"

    def _adopt(self, mirror: Mirror) -> list[Status]:
        """Plan everything, compare with what is there, and change what differs."""
        if self._bridges.missing(self._bridges.flow_bridges):
            self._make_bridges()
        if not all(watch.connected for watch in self._watches.values()):
            raise HeddleError("ovs-vswitchd does not run: its bridges cannot be reached; the flows follow when it is")
        self._make_bridges()
        self._begin_guard()
        self._wiring.installed.clear()
        self._policed.look()
        plan = self._wiring.plan(mirror, None)
        self._policed.before(plan, mirror, None)
        differing = self._on_bridges.adopt(plan, mirror)
        log.info("flows=%d changed=%d adopted", sum(len(own) for own in plan.flows.values()), differing)
        self._finish(plan)
        self._connections.adopt(plan, differing > 0)
        self._adopted = True
        return self._observed.statuses(mirror, plan, None)

    def _begin_guard(self) -> None:
        if self._host.datapath == "netdev":
            bridges = set(self._bridges.all)
            devices = [each for each in self._ovs.interfaces() if each.type == "" and each.bridge in bridges]
            self._guard.begin(each.name for each in devices if each.ofport or not each.error)

    def _finish(self, plan: Plan) -> None:
        """What may follow the flows: the guard's end, and tags in OVSDB."""
        try:
            self._guard.end()
        except CommandError as error:
            log.warning("the guard of the devices is not complete: %s", error)
            tell_on_switch(plan, f"devices are not guarded: {error}")
        self._policed.after(plan)
        self._tags.note(plan.ports)

    # Auditing

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        if not self._adopted:
            return [] if repair else [Drift("bridge", INT, "its flows compared", "not yet: see the agent's log")]
        drifts = self._audit_bridges(repair)
        if repair:
            drifts, self._undone = self._undone + drifts, []
        drifts += self._policed.audit(repair)
        for bridge, flows in self._flows.items():
            if bridge in self._bridges.missing(self._flows):
                continue
            drifts += audit_flows(flows, self._watches[bridge], self._wiring.installed, repair)
        if self._host.datapath == "netdev":
            lost = unguarded(self._guard, repair, self._begin_guard)
            drifts += [guard_drift(name) for name in lost if self._ovs.interface(name) is not None]
        drifts += self._connections.audit(repair)
        if repair:
            plan = Plan(ports=set(self._wiring.ports))
            self._finish(plan)
            self._host.touch(plan.problems)
            self._tags.write()
        return drifts

    def _audit_bridges(self, repair: bool) -> list[Drift]:
        missing = self._bridges.missing(self._bridges.all)
        if not (self._make_bridges(sync=False) if repair else self._bridges.differ()):
            return []
        if repair:
            self._host.touch([Ref("bridge", INT)])
        return bridge_drifts(missing)

    def state(self, mirror: Mirror) -> RoleState:
        return RoleState(role=self.name, configuration={
            **self._bridges.configuration(),
            "datapath_type": self._host.datapath,
            "devices": len(self._wiring.ports),
            "networks": len(self._wiring.networks.tags),
            "flows": sum(len(flows) for flows in self._wiring.installed.values()),
            "ovs_version": self._ovs.version(), **self._policed.figures(),
        })
