"""Ports of our own namespaces on br-int: what a round of a role wants and what it drops, in one transaction.

A device that was made anew under a name that the switch already has is taken out and put in again: a userspace
datapath goes on to listen to the device that is gone, and would never hear the new one.
"""

from __future__ import annotations

from heddle.host.ovs import Ovs, PortSpec
from heddle.view.types import PortView

BRIDGE = "br-int"


def plug(name: str, port: PortView, kind: str) -> PortSpec:
    """The port with which an interface of ours is on the switch, and by which the switch role knows it."""
    ids = {"iface-id": port.id, "attached-mac": port.mac_address, "iface-status": "active"}
    return PortSpec(BRIDGE, name, external_ids=ids, port_external_ids={"heddle": kind})


class Plugs:
    def __init__(self, ovs: Ovs) -> None:
        self._ovs = ovs
        self._wanted: dict[str, PortSpec] = {}
        self._dropped: set[str] = set()
        self._made: set[str] = set()

    def want(self, spec: PortSpec, made: bool) -> None:
        """`made`: the device was made just now."""
        self._wanted[spec.name] = spec
        if made:
            self._made.add(spec.name)

    def drop(self, name: str) -> None:
        self._dropped.add(name)

    def commit(self) -> list[str]:
        """Apply; returns the ids of the ports whose device was there and which the switch did not have.

        Raises `OvsdbError` and `OvsConflict`.
        """
        again = [name for name in self._made if self._ovs.interface(name) is not None]
        first = self._ovs.batch()
        for name in sorted({*again, *self._dropped} - (self._wanted.keys() - set(again))):
            first.delete_port(name)
        first.commit(wait=bool(again))
        missing = [name for name in self._wanted.keys() - self._made if self._ovs.interface(name) is None]
        second = self._ovs.batch()
        for spec in self._wanted.values():
            second.ensure_port(spec)
        second.commit()
        return [self._wanted[name].external_ids["iface-id"] for name in sorted(missing)]
