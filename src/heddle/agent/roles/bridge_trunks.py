"""Trunks on Linux bridges: a device for each subport, and what leads its frames between that and the trunk's card.

The order is that of safety: a device leads to the card before a bridge has it (`make`, before anything is planned), and
the card leads to the device only when a bridge has it (`steer`, after all devices are plugged).
"""

from __future__ import annotations

from collections.abc import Callable

from heddle.agent.bridge.trunks import Subport, subports
from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift
from heddle.errors import HeddleError
from heddle.host.bridge import Bridges
from heddle.host.rtnetlink import Link
from heddle.host.subports import SubportDevices, is_ours
from heddle.view.types import Ref


class BridgeTrunks:
    """`problems`: why subports have no device, or none that works."""

    def __init__(self, bridges: Bridges) -> None:
        self._bridges = bridges
        self._devices = SubportDevices()
        self._subports: dict[str, Subport] = {}
        self.problems: dict[Ref, str] = {}

    def close(self) -> None:
        self._devices.close()

    @property
    def foreign(self) -> set[str]:
        """Devices that bear the names of those that could not be made."""
        return {self._subports[ref.id].device for ref in self.problems}

    def make(self, mirror: Mirror) -> None:
        """Have the devices that the host needs, and no others."""
        self.problems = {}
        self._subports = subports(mirror, self._bridges.links)
        kept = {each.device for each in self._subports.values()}
        gone = [link.name for link in self._bridges.links.values() if is_ours(link) and link.name not in kept]
        self._devices.remove(gone)
        made = [each for each in self._subports.values() if self._try(each, lambda: self._make(each))]  # noqa: B023
        if made or gone:
            self._bridges.look()
        for each in self._subports.values():
            self._try(each, lambda: self._tag(each))  # noqa: B023

    def _make(self, each: Subport) -> bool:
        return self._devices.make(each.device, each.peer, self._bridges.links)

    def _tag(self, each: Subport) -> bool:
        links = self._bridges.links
        if each.card not in links or each.device not in links or Ref("port", each.id) in self.problems:
            return False
        return self._devices.tag(links[each.device], each.vlan, links[each.card])

    def _try(self, each: Subport, do: Callable[[], bool]) -> bool:
        try:
            return do()
        except (HeddleError, OSError) as error:
            self.problems[Ref("port", each.id)] = str(error)
            return False

    def steer(self, cards: set[str]) -> None:
        """Lead the frames of cards to the devices that are plugged; `cards` are the devices of all ports here."""
        for card, (link, targets) in self._wanted(cards).items():
            try:
                self._devices.steer(link, targets)
            except (HeddleError, OSError) as error:
                for each in self._subports.values():
                    if each.card == card:
                        self.problems.setdefault(Ref("port", each.id), str(error))

    def _wanted(self, cards: set[str]) -> dict[str, tuple[Link, list[tuple[int, int]]]]:
        """What comes from each card goes, by VLAN ID, to the device with this index."""
        links = self._bridges.links
        found: dict[str, tuple[Link, list[tuple[int, int]]]] = {}
        every = cards | {each.card for each in self._subports.values()}
        own = {each.device for each in self._subports.values()}
        for card in sorted((every - own) & links.keys()):
            found[card] = links[card], []
        for each in self._subports.values():
            link = links.get(each.device)
            plugged = link is not None and link.master and link.up and Ref("port", each.id) not in self.problems
            if link is not None and plugged and each.card in found:
                found[each.card][1].append((each.vlan, link.index))
        return found

    def deviations(self, cards: set[str]) -> list[Drift]:
        """What leads elsewhere than it should.  Raises `OSError` and `HeddleError`."""
        found = []
        for card, (link, targets) in self._wanted(cards).items():
            if self._devices.differs(link, targets):
                found.append(Drift("port", card, f"{len(targets)} subports of {card}", "led otherwise"))
        links = self._bridges.links
        for each in self._subports.values():
            device, below = links.get(each.device), links.get(each.card)
            if device is not None and below is not None and not self._devices.tags(device, each.vlan, below):
                found.append(Drift("port", each.id, f"{each.device} tags with {each.vlan}", "led otherwise"))
        return found

    def repair(self, mirror: Mirror, cards: set[str]) -> list[Drift]:
        """What led elsewhere; `steer` puts the rest of it right."""
        found = self.deviations(cards)
        self._devices.forget()
        self.make(mirror)
        return found
