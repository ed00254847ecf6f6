"""The addresses of the groups that rules name, as sets of nftables that follow single members.  Pure."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from heddle.agent.counted import count
from heddle.host.nft import Elements

Network = IPv4Network | IPv6Network


class Members:
    """The members of a group, by IP version: single addresses, and networks that do not overlap.

    `problems`: why an address cannot be taken, by "<group>/<CIDR>".  A member more or fewer costs what it brings; only
    the networks are put together anew, when one of them has come or gone.
    """

    def __init__(self, group: str) -> None:
        self.label = hashlib.blake2b(group.encode(), digest_size=6).hexdigest()
        self.problems: dict[str, str] = {}
        self._group = group
        self._held: dict[str, list[str]] = {}
        self._asked: Counter[str] = Counter()
        self._networks: Counter[Network] = Counter()
        self._single: dict[int, list[str]] = {4: [], 6: []}
        self._sets: dict[str, Elements] = {}

    def set_member(self, id: str, addresses: Iterable[str]) -> None:
        """These are the addresses (as CIDRs) of a member now; none when it has left."""
        before, now = self._held.pop(id, []), list(dict.fromkeys(addresses))
        if now:
            self._held[id] = now
        for cidr in [each for each in now if each not in before]:
            if count(self._asked, cidr):
                self._take(cidr)
        for cidr in [each for each in before if each not in now]:
            if count(self._asked, cidr, -1):
                self._drop(cidr)

    def sets(self) -> list[Elements]:
        return [self._set(kind, version) for version in (4, 6) for kind in ("g", "n")]

    def peers(self, version: int) -> list[str]:
        return [f"@{kind}{version}_{self.label}" for kind in ("g", "n")]

    def _take(self, cidr: str) -> None:
        try:
            network = ip_network(cidr, strict=False)
        except ValueError as error:
            self.problems[f"{self._group}/{cidr}"] = str(error)
            return
        if count(self._networks, network):
            if _is_single(network):
                insort(self._single[network.version], str(network.network_address))
            self._changed(network)

    def _drop(self, cidr: str) -> None:
        if self.problems.pop(f"{self._group}/{cidr}", None) is not None:
            return
        network = ip_network(cidr, strict=False)
        if count(self._networks, network, -1):
            if _is_single(network):
                single = self._single[network.version]
                del single[bisect_left(single, str(network.network_address))]
            self._changed(network)

    def _changed(self, network: Network) -> None:
        self._sets.pop(f"{'g' if _is_single(network) else 'n'}{network.version}", None)

    def _set(self, kind: str, version: int) -> Elements:
        name = f"{kind}{version}"
        if name not in self._sets:
            items = tuple(self._single[version]) if kind == "g" else self._ranges(version)
            flags = "" if kind == "g" else "interval"
            self._sets[name] = Elements("set", f"{name}_{self.label}", f"ipv{version}_addr", items, flags)
        return self._sets[name]

    def _ranges(self, version: int) -> tuple[str, ...]:
        wide = [each for each in self._networks if not _is_single(each)]
        if version == 4:
            return tuple(map(str, collapse_addresses(each for each in wide if isinstance(each, IPv4Network))))
        return tuple(map(str, collapse_addresses(each for each in wide if isinstance(each, IPv6Network))))


def _is_single(network: Network) -> bool:
    return network.prefixlen == network.max_prefixlen
