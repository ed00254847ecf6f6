"""The switch and the connections that Open vSwitch tracks: which are cut, which forgotten, and how many there may be.

Cut are those that no rule permits any more (`cutting.py`), when the permissions of a port have become fewer: its groups
or their rules and members, its port security.  Forgotten are those of a tag that no network has any more, and of an
address that no port has any more.  All follow the flows: what is asked about was permitted by the flows before.

A frame that vswitchd is deciding while the flows change may still be let in by the old ones, so ports are asked about
again when its caches have followed (`AGAIN` seconds later).  What fails is tried again then, too.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from ipaddress import ip_network

from heddle.agent.cutting import Holder, Holders, Network, doomed, forgotten
from heddle.agent.owners import Plan
from heddle.agent.pipeline import STATELESS, WiredPort
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.switch_limits import ZoneLimits, limit_of
from heddle.agent.wiring import Wiring
from heddle.errors import HeddleError
from heddle.host.tracked import Connections
from heddle.view.types import Ref

log = logging.getLogger(__name__)

AGAIN = 1.0
PASSES = 2
CONNECTIONS = Ref("connections", "")


@dataclass(frozen=True)
class Due:
    """A port whose connections are to be asked about: when, and how often yet; `unjudged` as in `cutting.Holder`."""

    at: float
    passes: int
    unjudged: bool


class TrackedConnections:
    """Remembers what the ports were permitted, and notices when it becomes fewer."""

    def __init__(self, host: Host, wiring: Wiring, connections: Connections) -> None:
        self._host, self._wiring, self._connections = host, wiring, connections
        limit = limit_of(host.settings.agent.connections_per_network, connections.capacity())
        self._limits = ZoneLimits(limit, connections)
        self._ports: dict[str, WiredPort] = {}
        self._due: dict[str, Due] = {}
        self._ended: list[tuple[int, str]] = []
        self._stale = False
        self._timer: threading.Timer | None = None

    def adopt(self, plan: Plan, differing: bool) -> None:
        """The flows of everything are in; `differing`: they were not all there, so others may have been."""
        self._limits.restart()
        if differing:
            for port_id in plan.ports:
                self._ask(port_id, False)
        self._stale = True
        self.follow(plan)

    def follow(self, plan: Plan) -> None:
        """The flows of a plan are in: do what may come after them; for a port of refused ones, later."""
        for port_id in plan.ports - self._wiring.refused.ports():
            self._note_port(port_id)
        self._note_profiles()
        released = [(tag, address) for tag, address in plan.released if tag not in plan.freed]
        self._ended += [*((tag, "") for tag in plan.freed), *released]
        self._limits.follow(self._zones())
        for work in (self._forget, self._cut):
            try:
                work()
            except HeddleError as error:
                log.warning("connections that have ended for us go on, again in %.1f s: %s", AGAIN, error)
                if work == self._cut:
                    self._postpone()
        self._wait()

    def audit(self, repair: bool) -> list[Drift]:
        return self._limits.audit(self._zones(), repair)

    def _zones(self) -> dict[int, str]:
        """The zones in use, with their networks: one for each network, and one for its local IPs."""
        return {tag: network for network, tag in self._wiring.networks.tags.items()} | self._wiring.local_ips.zones

    # What became fewer

    def _note_port(self, port_id: str) -> None:
        before, now = self._ports.pop(port_id, None), self._wiring.ports.get(port_id)
        if now is None:
            return
        self._ports[port_id] = now
        if before is not None and before.profile != now.profile:
            self._ask(port_id, before.profile is None)

    def _note_profiles(self) -> None:
        """Where flows of a profile were refused, nothing is noted yet: they are planned again."""
        narrower = self._wiring.profiles.take_narrowed()
        for port_id, port in self._wiring.ports.items() if narrower else ():
            if port.profile in narrower:
                self._ask(port_id, False)

    def _ask(self, port_id: str, unjudged: bool) -> None:
        unjudged = unjudged or (port_id in self._due and self._due[port_id].unjudged)
        self._due[port_id] = Due(time.monotonic(), PASSES, unjudged)

    # What is done about it

    def _forget(self) -> None:
        networks: dict[int, list[Network]] = {}
        for tag, address in self._ended:
            if "/" in address:
                networks.setdefault(tag, []).append(ip_network(address, strict=False))
            else:
                self._connections.forget(tag, address)
        self._connections.forget_associations([each for each in self._ended if "/" not in each[1]])
        if self._stale:
            self._forget_translations()
        if networks:
            for each in forgotten(self._connections.list(networks), networks, self._wiring.ports.values()):
                self._connections.forget_one(each)
        self._ended.clear()

    def _forget_translations(self) -> None:
        """To local IPs that led elsewhere while nobody looked."""
        local_ips = self._wiring.local_ips
        for each in self._connections.list(local_ips.zones):
            if not local_ips.translates(each.zone, each.target, each.translated):
                self._connections.forget_one(each)
        self._stale = False

    def _cut(self) -> None:
        now = time.monotonic()
        due = {port_id: each for port_id, each in self._due.items() if each.at <= now}
        if not due:
            return
        holders = Holders(self._holder(port, due.get(port_id)) for port_id, port in self._wiring.ports.items())
        found = doomed(self._connections.list(holders.zones), holders) if holders.zones else []
        if found:
            self._connections.cut(found)
            log.info("connections=%d ports=%d cut: no rule permits them any more", len(found), len(due))
        for port_id, each in due.items():
            self._due.pop(port_id)
            if each.passes > 1:
                self._due[port_id] = Due(now + AGAIN, each.passes - 1, each.unjudged)

    def _holder(self, port: WiredPort, due: Due | None) -> Holder:
        """What a port permits; one without tracking, or without rules, has nothing to cut."""
        known = self._wiring.profiles.permissions
        permissions = known.get(port.profile) if port.profile is not None else None
        tracks = permissions is not None and port.profile is not None and not port.profile & STATELESS
        return Holder(port, permissions, tracks and due is not None, due is not None and due.unjudged)

    def _postpone(self) -> None:
        later = time.monotonic() + AGAIN
        self._due = {port_id: Due(later, each.passes, each.unjudged) for port_id, each in self._due.items()}

    def _wait(self) -> None:
        if (self._due or self._ended or self._stale) and (self._timer is None or not self._timer.is_alive()):
            self._timer = threading.Timer(AGAIN, self._host.touch, ([CONNECTIONS],))
            self._timer.daemon = True
            self._timer.start()
