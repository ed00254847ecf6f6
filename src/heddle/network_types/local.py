"""local: the ports of one host, and no other."""

from __future__ import annotations

from collections.abc import Sequence

from heddle.config import Network as NetworkSettings
from heddle.network_types.base import Candidates, Uplink, no_physical_network, refuse


class Local:
    name = "local"
    uplink = Uplink("none")
    overhead = {4: 0, 6: 0}
    numbers = None

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        no_physical_network(self.name, physical_network)
        if segmentation_id is not None:
            raise refuse("provider:segmentation_id is not allowed for a local network")

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        return [Candidates()]


TYPE = Local()
