"""What a driver of the DNS integration is.

A driver turns `replace` into what its server understands: of the record set of a name and type, the values that are
ours go, those that are wanted come, and what others have written there stays.  It keeps nothing: what is ours is
told with every call, and the same call twice is as good as once.  It returns within `dns.timeout` seconds, or raises.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from heddle.config import Settings
from heddle.errors import HeddleError


class DnsError(HeddleError):
    """The server refuses this record, and says why; others may go."""


class Taken(DnsError):
    """Others have records of this name and type: none of ours is there, and none is added."""


class Unreachable(DnsError):
    """The server cannot be asked at the moment: it is not worth trying another record now."""


@dataclass(frozen=True, slots=True)
class RecordSet:
    """A name with its dot at the end, a type (A, AAAA, PTR), the zone it is to be in, and whose it is."""

    name: str
    type: str
    zone: str
    project_id: str


class Driver(Protocol):
    """A connection is made when it is needed; making a driver asks nobody."""

    def reverse_zone(self, name: str) -> str:
        """The zone in which the name of an address goes, "" where names of addresses are not published."""

    def replace(self, records: RecordSet, ours: Collection[str], wanted: Collection[str]) -> None:
        """Let the values be those `wanted`, where `ours` are those that may be there of us.  Raises `DnsError`."""


class Factory(Protocol):
    """The `DRIVER` of a module in this folder, or what an entry point of `heddle.dns_drivers` names."""

    name: str

    def make(self, settings: Settings) -> Driver:
        """Raises `ConfigError` for settings that are missing or wrong, without a secret in its text."""


def reverse_name(address: str) -> str:
    return ipaddress.ip_address(address).reverse_pointer + "."


def record_type(address: str) -> str:
    return "AAAA" if ":" in address else "A"


def zone_among(name: str, zones: Collection[str]) -> str:
    """The longest of the zones that the name is in, "" for none."""
    found = [zone for zone in (zone.lower() for zone in zones) if name == zone or name.endswith("." + zone)]
    return max(found, key=len, default="")


def check_values(current: Collection[str], ours: Collection[str], wanted: Collection[str]) -> None:
    """Whether the wanted values may be written beside what is there.  Raises `Taken`."""
    foreign = set(current) - set(ours) - set(wanted)
    if wanted and foreign and not set(current) & (set(ours) | set(wanted)):
        raise Taken(f"others have {', '.join(sorted(foreign))} there: remove that, or choose another name")
