"""How a lab guest is plugged, on each data plane: as whoever starts virtual machines there does it.

On Open vSwitch an interface on br-int bears the port's id and MAC; on Linux bridges the interface's name is enough, and
its alias says whose it is.
"""

from __future__ import annotations

import time
from typing import Protocol

from heddle.errors import HeddleError
from heddle.host import rtnetlink
from heddle.host.netlink import Netlink
from heddle.host.ovs import Batch, Ovs, PortSpec

BRIDGE = "br-int"
ALIAS = "heddle-guest"
_WIRED_WITHIN = 10.0


class GuestError(HeddleError):
    """The guest cannot be made, or there is none of that name."""


class GuestSwitch(Protocol):
    def userspace(self) -> bool:
        """Whether a datapath in userspace gets the guests' frames.  Raises `GuestError` where there is no switch."""

    def holder(self, port_id: str) -> str:
        """The interface that is plugged as this port, or ""."""

    def plug(self, tap: str, port_id: str, mac: str, name: str, made: bool) -> None:
        """`made`: the device was made just now."""

    def is_wired(self, tap: str) -> bool: ...

    def unplug(self, tap: str) -> None: ...

    def port_of(self, name: str) -> str:
        """The port of a guest, or ""."""

    def close(self) -> None: ...


def wait_until_wired(switch: GuestSwitch, tap: str) -> None:
    """Without an agent that is never, and not an error here."""
    end = time.monotonic() + _WIRED_WITHIN
    while time.monotonic() < end and not switch.is_wired(tap):
        time.sleep(0.01)


class OvsGuests:
    """`wired`: the switch has given the port its tag."""

    def __init__(self, ovsdb: str) -> None:
        self._ovs = Ovs(ovsdb)
        self._ovs.start()

    def userspace(self) -> bool:
        bridge = self._ovs.bridge(BRIDGE)
        if bridge is None:
            raise GuestError(f"there is no bridge {BRIDGE} on this host: start Heddle first (heddle up)")
        return bridge.datapath_type == "netdev"

    def holder(self, port_id: str) -> str:
        interface = self._ovs.plugged(port_id)
        return interface.name if interface is not None else ""

    def plug(self, tap: str, port_id: str, mac: str, name: str, made: bool) -> None:
        if made and self._ovs.interface(tap) is not None:
            away = Batch(self._ovs)
            away.delete_port(tap)
            away.commit(wait=True)
        ids = {"iface-id": port_id, "attached-mac": mac, "iface-status": "active", "vm-id": name}
        batch = Batch(self._ovs)
        batch.ensure_port(PortSpec(BRIDGE, tap, external_ids=ids, port_external_ids={"heddle": "guest"}))
        batch.commit(wait=True)

    def is_wired(self, tap: str) -> bool:
        interface = self._ovs.interface(tap)
        return interface is not None and bool(interface.tag)

    def unplug(self, tap: str) -> None:
        batch = Batch(self._ovs)
        batch.delete_port(tap)
        batch.commit()

    def port_of(self, name: str) -> str:
        found = (each.port_id for each in self._ovs.interfaces(BRIDGE) if each.external_ids.get("vm-id") == name)
        return next(found, "")

    def close(self) -> None:
        self._ovs.close()


class BridgeGuests:
    """`wired`: the agent has made the device a port of its network's bridge."""

    def __init__(self) -> None:
        self._netlink = Netlink()

    def userspace(self) -> bool:
        return False

    def holder(self, port_id: str) -> str:
        return f"tap{port_id[:11]}" if rtnetlink.link(self._netlink, f"tap{port_id[:11]}") is not None else ""

    def plug(self, tap: str, port_id: str, mac: str, name: str, made: bool) -> None:
        failures = self._netlink.run([rtnetlink.set_link(tap, up=True, alias=f"{ALIAS} {name} {port_id}")])
        if failures:
            raise failures[0]

    def is_wired(self, tap: str) -> bool:
        link = rtnetlink.link(self._netlink, tap)
        return link is not None and link.master != 0

    def unplug(self, tap: str) -> None:
        self._netlink.run([rtnetlink.delete_link(tap)])

    def port_of(self, name: str) -> str:
        head = f"{ALIAS} {name} "
        links = rtnetlink.links(self._netlink)
        return next((link.alias.removeprefix(head) for link in list(links) if link.alias.startswith(head)), "")

    def close(self) -> None:
        self._netlink.close()


def open_switch(data_plane: str, ovsdb: str) -> GuestSwitch:
    """That of a host with this agent.data_plane.  Raises `HeddleError` when Open vSwitch is away."""
    return BridgeGuests() if data_plane == "linuxbridge" else OvsGuests(ovsdb)
