"""The local tags of networks, written on their ports in Open vSwitch's database, from where a restart takes them.

A network's first port gets its tag at once, the others a moment later and together, because each write makes a
userspace vswitchd pause.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from heddle.agent.owners import INT
from heddle.agent.wiring import Wiring
from heddle.host.ovs import Ovs
from heddle.view.types import Ref

TAGS = Ref("tags", "")
DELAY = 1.0


class Tags:
    """`touch` asks the loop to come back to `TAGS`."""

    def __init__(self, ovs: Ovs, wiring: Wiring, touch: Callable[[Iterable[Ref]], None]) -> None:
        self._ovs = ovs
        self._wiring = wiring
        self._touch = touch
        self._untagged: set[str] = set()

    def note(self, ports: set[str]) -> None:
        """These ports were wired or unwired."""
        written = {each.tag for each in self._ovs.interfaces(INT) if each.tag} if ports else set()
        fresh = self._untagged - ports
        urgent = False
        for port_id in ports:
            wired, interface = self._wiring.ports.get(port_id), self._ovs.plugged(port_id)
            self._untagged.discard(port_id)
            if wired is not None and interface is not None and interface.tag != wired.tag:
                self._untagged.add(port_id)
                urgent = urgent or wired.tag not in written
        if urgent:
            self.write()
        elif self._untagged and not fresh:
            timer = threading.Timer(DELAY, self._touch, ([TAGS],))
            timer.daemon = True
            timer.start()

    def write(self) -> None:
        """Write those that are not there yet."""
        batch = self._ovs.batch()
        for port_id in self._untagged:
            wired, interface = self._wiring.ports.get(port_id), self._ovs.plugged(port_id)
            if wired is not None and interface is not None:
                batch.set_port(interface.name, wired.tag, {"heddle-network": self._wiring.networks.of_port(port_id)})
        batch.commit()
        self._untagged.clear()
