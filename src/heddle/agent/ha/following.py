"""Who follows a router from host to host: what carries its established connections along is plugged in here.

`recipes` tells the routers that are ready on this host, `changed` that one has become active or is so no longer, from
the thread of the service: both must return at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from heddle.agent.ha.election import Change
from heddle.host.ha_files import Config, Recipe


class Following:
    """Follows nothing."""

    def begin(self, folder: Path, config: Config) -> None:
        """The service begins."""

    def recipes(self, recipes: Mapping[str, Recipe]) -> None:
        """These routers are ready here, and no others."""

    def changed(self, changes: Sequence[Change]) -> None:
        """These have become active, or are so no longer."""

    def end(self) -> None:
        """The service ends; what it made in the kernel stays."""
