"""vxlan: a tunnel with a 24-bit VNI (RFC 7348): 30 bytes of encapsulation and the outer IP header."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.config import Network as NetworkSettings
from heddle.network_types.base import Candidates, Uplink, no_physical_network, parse_range, refuse


class Vxlan:
    name = "vxlan"
    uplink = Uplink("tunnel")
    overhead = {4: 50, 6: 70}

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        no_physical_network(self.name, physical_network)
        if segmentation_id is not None and not 1 <= segmentation_id <= 2**24 - 1:
            raise refuse(f"segmentation_id out of range (1 through {2**24 - 1})")

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        return [Candidates(None, parse_range(text)) for text in settings.vxlan_ranges]


TYPE = Vxlan()
