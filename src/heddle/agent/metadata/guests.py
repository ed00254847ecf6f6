"""Who asks?  A guest is known by the network that it is heard on, its address there, and the MAC address behind that.

The address must be a fixed IP of a port of that network, or the IPv6 link-local address of its MAC; the MAC address
that the kernel has for it must be the port's own, or that of an allowed address pair for the address.  So a guest that
sends from another's address, where the switch lets it (a port without port security, an address pair), is no one.
The cloud's own ports are no guests.

The cards of a guest are the ports of the same project and device that this host knows of.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from heddle.agent.addresses import link_local
from heddle.agent.metadata.scopes import content, scope_of
from heddle.agent.mirror import Mirror
from heddle.host.metadata_wire import News
from heddle.view.types import FetchReply, NeighbourView, NetworkView, ScopeNews, SubnetView

OWN = "network:"


@dataclass(frozen=True, slots=True)
class Card:
    """A port of a guest, with its network, the subnets of its addresses by id, and its floating IPs."""

    port: NeighbourView
    network: NetworkView
    subnets: Mapping[str, SubnetView]
    floating: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guest:
    """`cards`: the one that asks first, then the others by id; `zone` is the availability zone of its host, or ""."""

    cards: tuple[Card, ...]
    zone: str = ""

    @property
    def port(self) -> NeighbourView:
        return self.cards[0].port

    @property
    def instance_id(self) -> str:
        return self.port.device_id or self.port.id


class Guests:
    """What is known of the networks that are served, and of the floating IPs of their routers here."""

    def __init__(self) -> None:
        self.mirror = Mirror()
        self._by_address: dict[tuple[str, str], str] = {}
        self._keys: dict[str, tuple[tuple[str, str], ...]] = {}
        self._by_device: dict[tuple[str, str], set[str]] = {}
        self._device_of: dict[str, tuple[str, str]] = {}
        self._floating: dict[str, set[str]] = {}
        self._port_of: dict[str, str] = {}

    def take(self, news: News) -> None:
        """What is new, different or gone."""
        for ref in news.gone:
            scope = scope_of(self.mirror.get(ref))
            if scope:
                self._apply(FetchReply(revision=1, scopes=[ScopeNews(scope=scope, gone=[ref])]))
        self._apply(FetchReply(revision=1, scopes=news.scopes, dropped=news.dropped))

    def digests(self) -> dict[str, str]:
        return {scope: content(self.mirror, scope) for scope in self.mirror.scopes}

    def find(self, network_id: str, address: str, mac: str) -> Guest | None:
        """The guest that asks on a network from an address, which the kernel has of the MAC address."""
        text = str(ipaddress.ip_address(address))
        port = self.mirror.neighbours.get(self._by_address.get((network_id, text), ""))
        if port is None or mac.lower() not in _macs(port, text):
            return None
        same = self._by_device.get(self._device_of[port.id], {port.id})
        others = [self.mirror.neighbours[id] for id in sorted(same - {port.id})]
        cards = [card for each in (port, *others) if (card := self._card(each)) is not None]
        host = self.mirror.hosts.get(port.host)
        zone = host.availability_zone if host is not None else ""
        return Guest(tuple(cards), zone) if cards and cards[0].port is port else None

    def _card(self, port: NeighbourView) -> Card | None:
        network = self.mirror.networks.get(port.network_id)
        known = {each.id: each for each in self.mirror.subnets_by_network.of(port.network_id)}
        floating = [self.mirror.floating_ips[id].floating_ip for id in sorted(self._floating.get(port.id, ()))]
        return Card(port, network, known, tuple(floating)) if network is not None else None

    def _apply(self, reply: FetchReply) -> None:
        for ref in self.mirror.apply(reply):
            if ref.kind == "neighbour":
                self._forget(ref.id)
                port = self.mirror.neighbours.get(ref.id)
                if port is not None and not port.device_owner.startswith(OWN):
                    self._learn(port)
            elif ref.kind == "floating_ip":
                self._lead(ref.id)

    def _lead(self, floating_ip_id: str) -> None:
        """Note to which port a floating IP leads now."""
        before = self._port_of.pop(floating_ip_id, "")
        if before:
            self._floating[before].discard(floating_ip_id)
            if not self._floating[before]:
                del self._floating[before]
        item = self.mirror.floating_ips.get(floating_ip_id)
        if item is not None and item.port_id:
            self._port_of[floating_ip_id] = item.port_id
            self._floating.setdefault(item.port_id, set()).add(floating_ip_id)

    def _learn(self, port: NeighbourView) -> None:
        texts = {str(ipaddress.ip_address(fixed.ip_address)) for fixed in port.fixed_ips}
        texts |= {str(ipaddress.ip_address(link_local(port.mac_address)))}
        self._keys[port.id] = tuple((port.network_id, text) for text in sorted(texts))
        self._by_address.update(dict.fromkeys(self._keys[port.id], port.id))
        self._device_of[port.id] = (port.project_id, port.device_id)
        if port.device_id:
            self._by_device.setdefault(self._device_of[port.id], set()).add(port.id)

    def _forget(self, port_id: str) -> None:
        for key in self._keys.pop(port_id, ()):
            if self._by_address.get(key) == port_id:
                del self._by_address[key]
        device = self._device_of.pop(port_id, ("", ""))
        same = self._by_device.get(device, set())
        same.discard(port_id)
        if not same:
            self._by_device.pop(device, None)


def _macs(port: NeighbourView, address: str) -> set[str]:
    at = ipaddress.ip_address(address)
    pairs = [each for each in port.allowed_address_pairs if at in ipaddress.ip_network(each.ip_address, strict=False)]
    return {port.mac_address.lower(), *(pair.mac_address.lower() for pair in pairs)}
