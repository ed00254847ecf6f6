"""Open vSwitch: one switch for all networks of the host, programmed by flows."""

from __future__ import annotations

from collections.abc import Iterable

from heddle.agent.data_planes.base import Touch
from heddle.agent.roles.base import Host, Role
from heddle.agent.roles.plugs import SwitchPlugs
from heddle.agent.roles.switch import SwitchRole
from heddle.config import Settings
from heddle.host.datapath import detect
from heddle.host.ovs import Interface, Ovs
from heddle.view.types import Ref


class OpenVSwitch:
    def __init__(self, settings: Settings, touch: Touch) -> None:
        self._touch = touch
        self._ovs = Ovs(settings.agent.ovsdb)
        self._ovs.start()
        self.datapath = detect(settings.agent.datapath, self._ovs)
        self.host = Host(settings, self._ovs, self.datapath, touch, lambda: SwitchPlugs(self._ovs))

    def switch(self) -> Role:
        return SwitchRole()

    def start(self) -> None:
        self._ovs.listen(lambda changes: self._touch(interface_refs(changes)))

    def close(self) -> None:
        self._ovs.close()


def interface_refs(changes: Iterable[tuple[Interface | None, Interface | None]]) -> set[Ref]:
    """The objects that a change of interfaces concerns: the ports that they bear, else the interface itself."""
    found: set[Ref] = set()
    for pair in changes:
        for each in pair:
            if each is not None:
                found.add(Ref("port", each.port_id) if each.port_id else Ref("interface", each.name))
    return found


PLANE = OpenVSwitch
