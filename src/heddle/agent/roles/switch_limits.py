"""How many connections a network may have on this host: `agent.connections_per_network`, 0 for no limit.

A tenant who opens connections without end fills the share of its own network, not that of the others; new ones of
that network fail then, those that there are go on.  So that a network cannot fill the table alone, which all share,
no limit is more than a quarter of it: the kernel's table is small on small hosts (`nf_conntrack_max`).

Each zone has a limit of its own, because the default limit of the userspace datapath counts all zones together.
vswitchd forgets the limits when it restarts.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from heddle.agent.roles.base import Drift
from heddle.errors import HeddleError
from heddle.host.tracked import Connections

log = logging.getLogger(__name__)


SHARE = 4


def limit_of(wanted: int, capacity: int) -> int:
    """The limit of each network; `capacity`: how many connections the host has room for, 0 for unknown."""
    most = capacity // SHARE
    if not capacity or wanted <= most:
        return wanted
    log.warning("agent.connections_per_network is %d, and this host has room for %d: each network gets %d; raise"
                " net.netfilter.nf_conntrack_max for more", wanted, capacity, most)  # fmt: skip
    return most


class ZoneLimits:
    """The limits of the zones of this agent; those of other zones are left alone.

    A datapath that knows no limits is told of in the log once, and tried again by the audits that repair.
    """

    def __init__(self, limit: int, connections: Connections) -> None:
        self._limit, self._connections = limit, connections
        self._set: set[int] = set()
        self._works = True
        self._told = False

    def restart(self) -> None:
        """vswitchd may have forgotten them."""
        self._set.clear()
        self._works = True

    def follow(self, zones: Mapping[int, str]) -> None:
        """`zones` are those that are used now, each with its network."""
        wanted = set(zones)
        if wanted == self._set or not self._works:
            return
        try:
            if self._limit:
                self._connections.remove_limits(self._set - wanted)
                self._connections.set_limits(dict.fromkeys(wanted - self._set, self._limit))
            else:
                self._connections.remove_limits(wanted & self._connections.limits().keys())
        except HeddleError as error:
            self._works = False
            if not self._told:
                log.warning("connections are not limited to %d for each network: %s", self._limit, error)
            self._told = True
            return
        self._set, self._told = wanted, False

    def audit(self, zones: Mapping[int, str], repair: bool) -> list[Drift]:
        """Compare the limits with those of vswitchd; `repair`: and put right what differs.  Raises `HeddleError`."""
        if not self._works:
            if repair:
                self.restart()
                self.follow(zones)
            return []
        found = self._connections.limits()
        wrong = {zone: found.get(zone, 0) for zone in self._set if found.get(zone, 0) != self._limit}
        if repair and self._limit:
            self._connections.set_limits(dict.fromkeys(wrong, self._limit))
        elif repair:
            self._connections.remove_limits(wrong.keys())
        expected = f"{self._limit} connections" if self._limit else "no limit"
        return [
            Drift("network", zones.get(zone, ""), expected, f"{limit} connections" if limit else "no limit")
            for zone, limit in wrong.items()
        ]
