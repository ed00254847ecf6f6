"""What a data plane is: the switch of a host, and what the roles beside it need of it.

A data plane is a file of this folder with a class `PLANE`; others' packages add theirs by the entry point
`heddle.data_planes`.  The setting agent.data_plane names the one of a host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from heddle.agent.roles.base import Host, Role
from heddle.config import Settings
from heddle.view.types import Ref

Touch = Callable[[Iterable[Ref]], None]


class DataPlane(Protocol):
    """Made with the settings and `touch`.  `datapath` names it in reports, `host` is what the roles are given."""

    datapath: str
    host: Host

    def __init__(self, settings: Settings, touch: Touch) -> None:
        """Raises `HeddleError` when this host has not what it needs, or a setting is wrong."""

    def switch(self) -> Role:
        """The role that realises ports and networks."""

    def start(self) -> None:
        """Tell `touch` of interfaces that come, change and go, from now on."""

    def close(self) -> None: ...
