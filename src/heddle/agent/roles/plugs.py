"""Ports of our own namespaces on the switch: what a round of a role wants and what it drops, together.

On Open vSwitch they are ports of br-int.  On Linux bridges nothing has to be done: the switch role finds an interface
by its name, as it finds those of guests.

A device that was made anew under a name that the switch already has is taken out and put in again: a userspace
datapath goes on to listen to the device that is gone, and would never hear the new one.
"""

from __future__ import annotations

from typing import Protocol

from heddle.host.ovs import Interface, Ovs, OvsConflict, PortSpec
from heddle.host.ovs_types import MARK
from heddle.view.types import PortView

BRIDGE = "br-int"


def plug(name: str, port: PortView, kind: str) -> PortSpec:
    """The port with which an interface of ours is on the switch, and by which the switch role knows it."""
    ids = {"iface-id": port.id, "attached-mac": port.mac_address, "iface-status": "active"}
    return PortSpec(BRIDGE, name, external_ids=ids, port_external_ids={MARK: kind})


class Plugs(Protocol):
    """`refused`: why the port of an owner (a router, a network) could not be plugged, after `commit`."""

    refused: dict[str, str]

    def want(self, owner: str, spec: PortSpec, made: bool) -> None:
        """`made`: the device was made just now."""

    def drop(self, name: str) -> None: ...

    def missing(self) -> list[str]:
        """The ids of the wanted ports that the switch does not have."""

    def marked(self, kind: str) -> list[Interface]:
        """What the switch has of that kind, wanted or not, but for what is dropped already."""

    def commit(self) -> list[str]:
        """Apply; returns the ids of the ports whose device was there and which the switch did not have."""


class BridgePlugs:
    """On Linux bridges."""

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}

    def want(self, owner: str, spec: PortSpec, made: bool) -> None:
        pass

    def drop(self, name: str) -> None:
        pass

    def missing(self) -> list[str]:
        return []

    def marked(self, kind: str) -> list[Interface]:
        return []

    def commit(self) -> list[str]:
        return []


class SwitchPlugs:
    """On br-int."""

    def __init__(self, ovs: Ovs) -> None:
        self.refused: dict[str, str] = {}
        self._ovs = ovs
        self._owners: dict[str, str] = {}
        self._wanted: dict[str, PortSpec] = {}
        self._dropped: set[str] = set()
        self._made: set[str] = set()

    def want(self, owner: str, spec: PortSpec, made: bool) -> None:
        """`made`: the device was made just now."""
        self._wanted[spec.name] = spec
        self._owners[spec.name] = owner
        if made:
            self._made.add(spec.name)

    def drop(self, name: str) -> None:
        self._dropped.add(name)

    def missing(self) -> list[str]:
        absent = [spec for name, spec in sorted(self._wanted.items()) if not self._is_there(name)]
        return [spec.external_ids["iface-id"] for spec in absent]

    def marked(self, kind: str) -> list[Interface]:
        """What the switch has of that kind, wanted or not, but for what is dropped already."""
        there = self._ovs.interfaces(BRIDGE)
        return [each for each in there if each.port_external_ids.get(MARK) == kind and each.name not in self._dropped]

    def commit(self) -> list[str]:
        """Apply; returns the ids of the ports whose device was there and which the switch did not have.

        A port whose name is taken on another bridge is left out and told in `refused`.  Raises `OvsdbError`.
        """
        again = {name for name in self._made if self._is_there(name)}
        first = self._ovs.batch()
        for name in sorted(again | (self._dropped - self._wanted.keys())):
            if self._is_there(name):
                first.delete_port(name)
        first.commit(wait=bool(again))
        missing = [name for name in self._wanted.keys() - self._made if self._ovs.interface(name) is None]
        second = self._ovs.batch()
        for spec in self._wanted.values():
            try:
                second.ensure_port(spec)
            except OvsConflict as error:
                self.refused[self._owners[spec.name]] = str(error)
        second.commit()
        return [self._wanted[name].external_ids["iface-id"] for name in sorted(missing)]

    def _is_there(self, name: str) -> bool:
        interface = self._ovs.interface(name)
        return interface is not None and interface.bridge == BRIDGE
