"""Addresses and flows as text: what the pure parts of the switch share."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network

from heddle.host.openflow import FlowBody, FlowKey, FlowSet, cookie_of

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Builder:
    """Collects the flows of one object."""

    def __init__(self, object_id: str) -> None:
        self.flows: FlowSet = {}
        self._cookie = cookie_of(object_id)

    def add(self, table: int, priority: int, match: str, actions: str) -> None:
        self.flows[FlowKey(table, priority, match)] = FlowBody(actions, self._cookie)


def checked_mac(mac: str) -> str:
    """Raises `ValueError`."""
    lower = mac.lower()
    if not _MAC.fullmatch(lower):
        raise ValueError(f"not a MAC address: {mac!r}")
    return lower


def link_local(mac: str) -> str:
    """The IPv6 link-local address that follows from a MAC."""
    parts = [int(part, 16) for part in mac.split(":")]
    parts[0] ^= 2
    a, b, c, d, e, f = parts
    return f"fe80::{a << 8 | b:x}:{c << 8 | 0xFF:x}:{0xFE00 | d:x}:{e << 8 | f:x}"


def field_match(field: str, network: IPv4Network | IPv6Network) -> str:
    """",field=network" as ovs-ofctl reads it; "" for a network that holds every address."""
    if not network.prefixlen:
        return ""
    if network.prefixlen == network.max_prefixlen:
        return f",{field}={network.network_address}"
    return f",{field}={network}"
