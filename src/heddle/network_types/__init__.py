"""The network types, by name.  One file each; others' packages add theirs by the entry point `heddle.network_types`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from heddle.config import Network as NetworkSettings
from heddle.errors import ConfigError
from heddle.network_types.base import NetworkType

MEMBERS = ("name", "uplink", "overhead", "numbers", "check", "candidates")


@cache
def registry() -> dict[str, NetworkType]:
    """All types.  Raises `TypeError` for a file whose `TYPE` is missing or incomplete."""
    found: dict[str, NetworkType] = {}
    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if m.name != "base"]
    types = [(module.__name__, getattr(module, "TYPE", None)) for module in modules]
    types += [(point.value, point.load()) for point in entry_points(group="heddle.network_types")]
    for where, kind in types:
        missing = [name for name in MEMBERS if not hasattr(kind, name)]
        if kind is None or missing:
            raise TypeError(f"network type {where} is incomplete: missing {', '.join(missing) or 'TYPE'}")
        found[kind.name] = kind
    return found


def check_settings(settings: NetworkSettings) -> None:
    """Whether the types and ranges that the settings name are such.  Raises `ConfigError`."""
    for name in settings.tenant_types:
        if name not in registry():
            raise ConfigError(f"network.tenant_types: there is no {name!r}; there are: {', '.join(sorted(registry()))}")
    if settings.overlay_ip_version not in (4, 6):
        raise ConfigError(f"network.overlay_ip_version = {settings.overlay_ip_version}: expected 4 or 6")
    for kind in registry().values():
        try:
            kind.candidates(settings, None)
        except ConfigError as error:
            raise ConfigError(f"network.{kind.name}_ranges: {error}") from None
