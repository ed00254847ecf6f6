"""The switch role on a host in memory, fed by a fake cloud; no process, no root."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.fakes.cloud import FakeCloud
from tests.fakes.objects import mac, port_id
from tests.fakes.ovs import (
    FakeConnections,
    FakeDeviceLimits,
    FakeFlows,
    FakeGuard,
    FakeMeters,
    FakeWatch,
    fake_ovs,
)

from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Host
from heddle.agent.roles.switch import SwitchRole
from heddle.config import load
from heddle.host.ovs import PortSpec
from heddle.host.rtnetlink import Link
from heddle.view.types import FetchRequest, Ref, Status


class FakeSwitch:
    """`sync` fetches and reconciles, as the loop does; `touched` are the objects that asked for it meanwhile.

    `link` is the device that has the address for tunnels.
    """

    def __init__(self, *settings: str, cloud: FakeCloud | None = None, datapath: str = "netdev") -> None:
        self.datapath = datapath
        self.cloud = cloud or FakeCloud("host1")
        self.ovs, self.database = fake_ovs()
        self.mirror = Mirror()
        self.touched: set[Ref] = set()
        self.flows: dict[str, FakeFlows] = {}
        self.meters = FakeMeters(None, "br-int")
        self.limits = FakeDeviceLimits()
        self.guard = FakeGuard()
        self.link: Link | None = Link(1, "eth0", "02:00:00:00:00:01", 1600, True)
        self.statuses: dict[Ref, Status] = {}
        self.configure(*settings)
        self.start()

    def configure(self, *settings: str) -> None:
        """The settings of the next agent."""
        overrides = ["agent.host=host1", "agent.bridge_mappings=", *settings]
        self._settings = load(overrides=overrides, environ={}, file=None)

    def start(self) -> None:
        """A new agent on the host as it is."""
        self.mirror = Mirror()
        self.role = SwitchRole(
            self._flows, FakeWatch, lambda: self.guard, self._connections, lambda address: self.link,  # type: ignore[arg-type]
            lambda folder, bridge: self.meters, lambda: self.limits,  # type: ignore[arg-type,return-value]
        )
        self.role.prepare(Host(self._settings, self.ovs, self.datapath, self.touched.update))
        self.ovs.listen(lambda pairs: self.touched.update(
            Ref("port", each.port_id) for pair in pairs for each in pair if each is not None and each.port_id
        ))
        self.first = True

    def _flows(self, bridge: str) -> Any:
        return self.flows.setdefault(bridge, FakeFlows(bridge))

    def _connections(self, folder: object, datapath: str, bridge: str) -> Any:
        self.connections = FakeConnections(datapath)
        return self.connections

    def plug(self, *numbers: int) -> None:
        self.database.devices |= {f"p-g{number}" for number in numbers}
        self.ovs.add_ports(
            PortSpec("br-int", f"p-g{number}", external_ids={"iface-id": port_id(number), "attached-mac": mac(number)})
            for number in numbers
        )

    def unplug(self, *numbers: int) -> None:
        self.ovs.delete_ports(f"p-g{number}" for number in numbers)

    def sync(self, whole: bool = False, also: Iterable[Ref] = ()) -> list[Status]:
        request = FetchRequest(host="host1", revision=self.mirror.revision, scopes=sorted(self.mirror.scopes))
        changed = self.mirror.apply(self.cloud.fetch(request)) | self.touched | set(also)
        self.touched.clear()
        statuses = self.role.reconcile(self.mirror, None if whole or self.first else frozenset(changed))
        self.first = False
        self.statuses |= {Ref(status.kind, status.id): status for status in statuses}
        return statuses

    def state_of(self, number: int) -> str:
        return self.statuses[Ref("port", port_id(number))].state

    def fault(self, kind: str, id: str) -> str:
        """What was told last of an object that is at fault, else ""."""
        status = self.statuses.get(Ref(kind, id))
        return status.message if status is not None and status.state == "error" else ""

    def dump(self, bridge: str = "br-int") -> list[str]:
        return self.flows[bridge].dump()
