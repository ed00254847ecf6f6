"""The network types, by name.  One file each; others' packages add theirs by the entry point `heddle.network_types`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from heddle.network_types.base import NetworkType


@cache
def registry() -> dict[str, NetworkType]:
    """All types.  Raises `TypeError` for a file whose `TYPE` is missing or incomplete."""
    found: dict[str, NetworkType] = {}
    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if m.name != "base"]
    types = [(module.__name__, getattr(module, "TYPE", None)) for module in modules]
    types += [(point.value, point.load()) for point in entry_points(group="heddle.network_types")]
    for where, kind in types:
        missing = [name for name in ("name", "uplink", "overhead", "check", "candidates") if not hasattr(kind, name)]
        if kind is None or missing:
            raise TypeError(f"network type {where} is incomplete: missing {', '.join(missing) or 'TYPE'}")
        found[kind.name] = kind
    return found
