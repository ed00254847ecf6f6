"""vlan: a physical network with a VLAN tag (IEEE 802.1Q), 1 to 4094."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.config import Network as NetworkSettings
from heddle.network_types.base import Candidates, Uplink, check_number, parse_range, refuse

NUMBERS = range(1, 4095)


def _ranges(settings: NetworkSettings) -> dict[str, list[range]]:
    """The ranges of each physical network; one without a range is for administrators only."""
    found: dict[str, list[range]] = {}
    for text in settings.vlan_ranges:
        name, _, numbers = text.partition(":")
        ranges = found.setdefault(name, [])
        if numbers:
            ranges.append(parse_range(numbers, NUMBERS))
    return found


class Vlan:
    name = "vlan"
    uplink = Uplink("physnet", tagged=True)
    overhead = {4: 0, 6: 0}
    numbers = NUMBERS

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        known = _ranges(settings)
        if not physical_network:
            if segmentation_id is not None:
                raise refuse("segmentation_id requires physical_network for VLAN provider network")
        elif physical_network not in known:
            raise refuse(f"physical_network '{physical_network}' unknown for VLAN provider network")
        check_number(self.numbers, segmentation_id)

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        return [
            Candidates(name, numbers)
            for name, ranges in _ranges(settings).items()
            if physical_network in (None, name)
            for numbers in ranges
        ]


TYPE = Vlan()
