"""The data planes, by name.  One file each; what a data plane needs is imported only on its hosts."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules
from typing import Any

from heddle.agent.data_planes.base import DataPlane, Touch
from heddle.config import Settings
from heddle.errors import ConfigError

MEMBERS = ("switch", "start", "close")


def open_plane(settings: Settings, touch: Touch) -> DataPlane:
    """The data plane of this host, ready.  Raises `ConfigError` for one that does not exist, and its `HeddleError`."""
    name = settings.agent.data_plane
    own = [each.name for each in iter_modules(__path__) if each.name != "base"]
    others = {point.name: point for point in entry_points(group="heddle.data_planes")}
    if name not in own and name not in others:
        names = ", ".join(sorted([*own, *others]))
        raise ConfigError(f"agent.data_plane: there is no {name!r}; there are: {names}")
    plane: Any = getattr(import_module(f"{__name__}.{name}"), "PLANE", None) if name in own else others[name].load()
    return checked(name, plane)(settings, touch)


def checked(name: str, plane: Any) -> Callable[[Settings, Touch], DataPlane]:
    """Raises `TypeError` for a data plane that is incomplete."""
    missing = [each for each in MEMBERS if not hasattr(plane, each)]
    if plane is None or missing:
        raise TypeError(f"data plane {name} is incomplete: missing {', '.join(missing) if plane else 'PLANE'}")
    made: Callable[[Settings, Touch], DataPlane] = plane
    return made
