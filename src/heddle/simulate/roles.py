"""Roles of a host that has nothing to touch: they plan what the real ones would, and call it applied."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.mirror import Mirror
from heddle.agent.owners import INT, Owner, Plan, Uplinks
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.router_plan import RouterInput, plan
from heddle.agent.tunnel import TunnelPorts, Underlay
from heddle.agent.wiring import Wiring
from heddle.host.ovs import Interface
from heddle.view.types import Ref, RoleState, Status

FIRST_OFPORT = 100
UNDERLAY_MTU = 9000


class Switch:
    """The switch with the real planning of flows: `Wiring`, on a br-int where every port is plugged at once."""

    name = "switch"

    def __init__(self, host: str, tunnel_ip: str) -> None:
        self._numbers: dict[str, int] = {}
        self._wiring = Wiring(host, self._plugged)
        tunnels = TunnelPorts(patch=1, by_kind={"vxlan": 2})
        self._wiring.uplinks = Uplinks({}, 2, tunnels, Underlay(tunnel_ip, "eth0", UNDERLAY_MTU))

    def prepare(self, host: Host) -> None: ...

    def close(self) -> None: ...

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        return []

    def state(self, mirror: Mirror) -> RoleState:
        flows = sum(len(flows) for flows in self._wiring.installed.values())
        return RoleState(role=self.name, configuration={
            "datapath_type": "netdev", "tunnel_types": ["vxlan"], "devices": len(self._wiring.ports), "flows": flows,
        })  # fmt: skip

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        made = self._wiring.plan(mirror, changed)
        for owner in (*made.flows, *made.changes):
            self._wiring.settle(owner, made)
        for gone in made.ports - mirror.ports.keys():
            self._numbers.pop(gone, None)
        return [self._status(mirror, id, made) for id in sorted(made.ports & mirror.ports.keys())]

    def _plugged(self, port_id: str) -> Interface:
        number = self._numbers.setdefault(port_id, FIRST_OFPORT + len(self._numbers))
        return Interface(f"tap{port_id[:11]}", INT, port_id=port_id, ofport=number)

    def _status(self, mirror: Mirror, id: str, made: Plan) -> Status:
        problem = made.problems.get(Ref("port", id), "")
        wired = Owner(INT, "port", id) in self._wiring.installed
        state = "error" if problem else "up" if wired else "down"
        return Status(kind="port", id=id, revision=mirror.ports[id].revision, state=state, message=problem)


class Router:
    """The router with the real planning of a namespace (`router_plan.py`)."""

    name = "router"

    def prepare(self, host: Host) -> None: ...

    def close(self) -> None: ...

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        return []

    def state(self, mirror: Mirror) -> RoleState:
        return RoleState(role=self.name, configuration={"routers": len(mirror.assigned(self.name))})

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        mine = sorted(mirror.assigned(self.name) & mirror.routers.keys())
        if changed is not None:
            named = _named(mirror, changed)
            mine = [id for id in mine if id in named]
        return [self._realise(mirror, id) for id in mine]

    def _realise(self, mirror: Mirror, id: str) -> Status:
        router = mirror.routers[id]
        ports, floating = mirror.ports_by_device.of(id), mirror.floating_ips_by_router.of(id)
        try:
            plan(RouterInput(router, tuple(ports), mirror.networks, mirror.subnets, tuple(floating)))
        except ValueError as error:
            return Status(kind="router", id=id, revision=router.revision, state="error", message=str(error))
        return Status(kind="router", id=id, revision=router.revision, state="up")


def _named(mirror: Mirror, changed: Iterable[Ref]) -> set[str]:
    """The routers that these objects are or belong to."""
    found = {ref.id.removeprefix("router/") for ref in changed if ref.kind in ("router", "assignment")}
    ports = [mirror.ports[ref.id] for ref in changed if ref.kind == "port" and ref.id in mirror.ports]
    return found | {port.device_id for port in ports}
