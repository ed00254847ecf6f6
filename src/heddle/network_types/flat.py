"""flat: a physical network as it is, untagged; one network on each."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.config import Network as NetworkSettings
from heddle.network_types.base import Candidates, Uplink, refuse


class Flat:
    name = "flat"
    uplink = Uplink("physnet")
    overhead = {4: 0, 6: 0}
    numbers = None

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        if not physical_network:
            raise refuse("provider:physical_network is required for a flat network")
        if "*" not in settings.flat_physnets and physical_network not in settings.flat_physnets:
            raise refuse(f"physical_network '{physical_network}' unknown for flat provider network")
        if segmentation_id is not None:
            raise refuse("provider:segmentation_id is not allowed for a flat network")

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        names = [physical_network] if physical_network else [name for name in settings.flat_physnets if name != "*"]
        return [Candidates(name) for name in names]


TYPE = Flat()
