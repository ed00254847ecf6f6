"""The local tags of networks, written on their ports in Open vSwitch's database, from where a restart takes them.

A network's first port gets its tag at once, the others a moment later and together, because each write makes a
userspace vswitchd pause.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

from heddle.agent.local_networks import NETWORK, SUBPORTS, tags_on
from heddle.agent.owners import INT
from heddle.agent.wiring import Wiring
from heddle.host.ovs import Interface, Ovs
from heddle.view.types import Ref

TAGS = Ref("tags", "")
DELAY = 1.0
PATCH = "patch-tun"


class Tags:
    """`touch` asks the loop to come back to `TAGS`."""

    def __init__(self, ovs: Ovs, wiring: Wiring, touch: Callable[[Iterable[Ref]], None]) -> None:
        self._ovs = ovs
        self._wiring = wiring
        self._touch = touch
        self._untagged: set[str] = set()
        self._visited: dict[str, str] | None = None

    def note(self, ports: set[str]) -> None:
        """These ports were wired or unwired; a subport is told with the port whose card it is on."""
        written = {tag for each in self._ovs.interfaces(INT) for tag in tags_on(each).values()} if ports else set()
        fresh = self._untagged - ports
        urgent = False
        for port_id in ports:
            self._untagged.discard(port_id)
            interface = self._ovs.plugged(port_id)
            if interface is not None and (wanted := self._wanted(port_id, interface)) != interface:
                self._untagged.add(port_id)
                urgent = urgent or not written.issuperset(tags_on(wanted).values())
        if urgent or self._visited_ids() != self._visited:
            self.write()
        elif self._untagged and not fresh:
            timer = threading.Timer(DELAY, self._touch, ([TAGS],))
            timer.daemon = True
            timer.start()

    def _visited_ids(self) -> dict[str, str]:
        """What the row of the patch port says: the tags of networks without a port here (`routed.py`)."""
        networks = self._wiring.networks
        mine = sorted((id, tag) for id, tag in networks.tags.items() if id not in networks.members)
        return {SUBPORTS: ",".join(f"{network}={tag}" for network, tag in mine)}

    def _wanted(self, port_id: str, interface: Interface) -> Interface:
        """The interface with what its row should say."""
        wired = self._wiring.ports.get(port_id)
        ids = dict(interface.port_external_ids)
        if wired is not None:
            ids[NETWORK] = self._wiring.networks.of_port(port_id)
        subports = self._wiring.subports.get(port_id, {})
        if subports or ids.get(SUBPORTS):
            ids[SUBPORTS] = ",".join(f"{network}={tag}" for network, tag in sorted(set(subports.values())))
        return replace(interface, tag=wired.tag if wired is not None else interface.tag, port_external_ids=ids)

    def write(self) -> None:
        """Write those that are not there yet."""
        batch = self._ovs.batch()
        for port_id in self._untagged:
            interface = self._ovs.plugged(port_id)
            if interface is not None:
                wanted = self._wanted(port_id, interface)
                batch.set_port(interface.name, wanted.tag, wanted.port_external_ids)
        there = self._ovs.interface(PATCH)
        visited = self._visited_ids()
        if there is not None and there.port_external_ids.get(SUBPORTS, "") != visited[SUBPORTS]:
            batch.set_port(PATCH, there.tag, visited)
        batch.commit()
        self._untagged.clear()
        self._visited = visited
