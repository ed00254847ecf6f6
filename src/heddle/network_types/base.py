"""What a network type is: where a network of the type lives, what that costs, and which uplink it needs.

A type is a file of this folder with a `TYPE`.  It is pure: the allocation of a segment goes over its
`candidates`, and a data plane realises the uplink.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from heddle.config import Network as NetworkSettings
from heddle.errors import BadRequest, ConfigError


@dataclass(frozen=True, slots=True)
class Uplink:
    """How a network's frames leave a host: not at all, through a physical network, or in a tunnel.

    `encapsulation` is that of the tunnel ("vxlan", "gre", "geneve"): "" for the one of the type's own name.
    """

    kind: Literal["none", "physnet", "tunnel"]
    tagged: bool = False
    encapsulation: str = ""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Segments on a physical network (None: on none): one without a number, or one for each number of a range."""

    physical_network: str | None = None
    numbers: range | None = None

    def __len__(self) -> int:
        return 1 if self.numbers is None else len(self.numbers)

    def at(self, place: int) -> tuple[str | None, int | None]:
        return self.physical_network, None if self.numbers is None else self.numbers[place]


class NetworkType(Protocol):
    """`overhead`: bytes that the type takes from the MTU of the path, by the underlay's IP version.

    `numbers` are the segmentation IDs that there are, None for a type without.
    """

    @property
    def name(self) -> str: ...

    @property
    def uplink(self) -> Uplink: ...

    @property
    def overhead(self) -> dict[int, int]: ...

    @property
    def numbers(self) -> range | None: ...

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        """Whether an administrator may ask for this segment.  Raises `BadRequest`."""

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        """The segments that a network which asks for none may get, in order."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A type whose frames travel between hosts in a tunnel, marked with a segmentation ID.

    `ranges` gives the setting with the IDs for networks that ask for none, as "first:last".
    """

    name: str
    overhead: dict[int, int]
    numbers: range
    ranges: Callable[[NetworkSettings], Sequence[str]]
    uplink: Uplink = Uplink("tunnel")

    def check(self, settings: NetworkSettings, physical_network: str | None, segmentation_id: int | None) -> None:
        no_physical_network(self.name, physical_network)
        check_number(self.numbers, segmentation_id)

    def candidates(self, settings: NetworkSettings, physical_network: str | None) -> Sequence[Candidates]:
        return [Candidates(None, parse_range(text, self.numbers)) for text in self.ranges(settings)]


def check_number(numbers: range, segmentation_id: int | None) -> None:
    """Raises `BadRequest` for an ID that there is not."""
    if segmentation_id is not None and segmentation_id not in numbers:
        raise refuse(f"segmentation_id out of range ({numbers[0]} through {numbers[-1]})")


def segment_key(network_type: str, physical_network: str | None, segmentation_id: int | None, network_id: str) -> str:
    """The unique name of a segment; a local network's is its own."""
    if network_type == "local":
        return f"local:{network_id}"
    return f"{network_type}:{physical_network or ''}:{'' if segmentation_id is None else segmentation_id}"


def refuse(reason: str) -> BadRequest:
    return BadRequest("InvalidInput", f"Invalid input for operation: {reason}.")


def parse_range(text: str, numbers: range) -> range:
    """ "first:last" as a range.  Raises `ConfigError`, which the server does when it starts."""
    first, _, last = text.partition(":")
    if first.isdecimal() and last.isdecimal():
        found = range(int(first), int(last) + 1)
        if found and found[0] in numbers and found[-1] in numbers:
            return found
    raise ConfigError(f"{text!r} is not a range 'first:last' of numbers from {numbers[0]} to {numbers[-1]}")


def no_physical_network(name: str, physical_network: str | None) -> None:
    if physical_network:
        raise refuse(f"provider:physical_network is not allowed for a {name} network")
