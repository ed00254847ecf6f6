"""What is counted at a router, decided from views alone: the matches of each metering label that concerns it.

Packets are looked at where they pass between the gateway and an interface, with the addresses that guests have behind
the router: what comes in is translated by then, and what leaves is not yet.  A label counts a packet once, whatever
number of its rules match, and not at all when one of those excludes it.  A label without rules, and any at a router
without a gateway, counts nothing; its counter is kept.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable

from heddle.host.meters import Count, Match
from heddle.view.types import MeteringLabelView, MeteringRule, MeterReading, RouterView

# How long what a router that went had counted is told again, in case that reports are lost.
_TELL_SECONDS = 600.0


def concerns(label: MeteringLabelView, router: RouterView) -> bool:
    return label.shared or label.project_id == router.project_id


def matches(labels: Iterable[MeteringLabelView], router: RouterView, gateway: str) -> dict[str, tuple[Match, ...]]:
    """By label; `gateway` is the name of the interface, or ""."""
    return {label.id: _of_label(label, gateway) for label in labels if concerns(label, router)}


def _of_label(label: MeteringLabelView, gateway: str) -> tuple[Match, ...]:
    if not gateway:
        return ()
    rules = sorted(label.rules, key=lambda rule: (not rule.excluded, rule.id))
    return tuple(Match(text, not rule.excluded) for rule in rules if (text := _match(rule, gateway)))


def _match(rule: MeteringRule, gateway: str) -> str:
    """What nft matches; "" when no packet can have such a source and destination."""
    sides = [(side, ipaddress.ip_network(cidr)) for side, cidr in (("s", rule.source), ("d", rule.destination)) if cidr]
    versions = {network.version for _, network in sides}
    if len(versions) > 1:
        return ""
    device = f'{"i" if rule.direction == "ingress" else "o"}ifname "{gateway}"'
    addresses = [
        f"{'ip' if network.version == 4 else 'ip6'} {side}addr {_listed(network)}"
        for side, network in sides
        if network.prefixlen
    ]
    if not addresses:
        addresses = [f"meta nfproto ipv{version}" for version in versions]
    return " ".join([device, *addresses])


def _listed(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def readings(router_id: str, counts: Iterable[Count]) -> list[MeterReading]:
    return [
        MeterReading(label_id=each.label, router_id=router_id, since=each.since, packets=each.packets, bytes=each.bytes)
        for each in counts
    ]


class LastReadings:
    """What routers that went from the host had counted, for some minutes."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, list[MeterReading]]] = []

    def keep(self, router_id: str, counts: Iterable[Count]) -> None:
        found = readings(router_id, counts)
        if found:
            self._kept.append((time.monotonic() + _TELL_SECONDS, found))

    def readings(self) -> list[MeterReading]:
        now = time.monotonic()
        self._kept = [(until, found) for until, found in self._kept if until > now]
        return [each for _, found in self._kept for each in found]
