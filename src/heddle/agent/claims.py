"""Which addresses of a network belong to one port alone, as the view tells.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from heddle.view.types import NeighbourView

TRUSTED = "network:"
Block = IPv4Network | IPv6Network


def owned(neighbours: Collection[NeighbourView]) -> Iterator[tuple[str, NeighbourView]]:
    """(address, port) for each address of a bound port that no other port of the network may use.

    Raises `ValueError` for an allowed pair that is no address.
    """
    singles, blocks = _pairs(neighbours)
    for each in neighbours:
        if not each.host or not (each.port_security or each.device_owner.startswith(TRUSTED)):
            continue
        for fixed in each.fixed_ips:
            address = fixed.ip_address
            if not singles.get(address, set()) - {each.id} and not _within(address, each.id, blocks):
                yield address, each


def _pairs(neighbours: Iterable[NeighbourView]) -> tuple[dict[str, set[str]], set[tuple[Block, str]]]:
    """The allowed pairs: ports by single address, and (CIDR, port) of those that are more."""
    singles: dict[str, set[str]] = {}
    blocks: set[tuple[Block, str]] = set()
    for each in neighbours:
        for pair in each.allowed_address_pairs:
            block = _block(pair.ip_address)
            if block.prefixlen == block.max_prefixlen:
                singles.setdefault(str(block.network_address), set()).add(each.id)
            else:
                blocks.add((block, each.id))
    return singles, blocks


def _within(address: str, port_id: str, blocks: Iterable[tuple[Block, str]]) -> bool:
    """Whether a CIDR of another port holds the address."""
    return any(port != port_id and ip_address(address) in block for block, port in blocks)


@lru_cache(maxsize=10_000)
def _block(text: str) -> Block:
    return ip_network(text, strict=False)
