"""The drivers of the DNS integration, by name.

One file each; others' packages add theirs by the entry point `heddle.dns_drivers`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import iter_modules

from heddle.config import Settings
from heddle.dns.base import Driver, Factory
from heddle.dns_settings import check
from heddle.errors import ConfigError

MEMBERS = ("name", "make")
NO_DRIVERS = ("base", "http")


@cache
def registry() -> dict[str, Factory]:
    """All drivers.  Raises `TypeError` for a file whose `DRIVER` is missing or incomplete."""
    found: dict[str, Factory] = {}
    modules = [import_module(f"{__name__}.{m.name}") for m in iter_modules(__path__) if m.name not in NO_DRIVERS]
    drivers = [(module.__name__, getattr(module, "DRIVER", None)) for module in modules]
    drivers += [(point.value, point.load()) for point in entry_points(group="heddle.dns_drivers")]
    for where, driver in drivers:
        missing = [name for name in MEMBERS if not hasattr(driver, name)]
        if driver is None or missing:
            raise TypeError(f"DNS driver {where} is incomplete: missing {', '.join(missing) or 'DRIVER'}")
        found[driver.name] = driver
    return found


def driver(settings: Settings) -> Driver | None:
    """The driver that the settings ask for, None for none.  Raises `ConfigError`."""
    if not settings.dns.driver:
        return None
    check(settings.dns)
    if settings.dns.driver not in registry():
        known = ", ".join(sorted(registry()))
        raise ConfigError(f"dns.driver: there is no {settings.dns.driver!r}; there are: {known}")
    return registry()[settings.dns.driver].make(settings)
