"""The metadata role: the guests of this host's routers and DHCP servers are heard at 169.254.169.254.

Where, is decided by `metadata_plan`; one process for the whole host answers (`agent/metadata/`), and outlives the
agent.  The role keeps it told: of the listening sockets, and of the networks that they serve.  A change brings the
process what changed; now and then, and when the connection is new, it is asked what it holds, and gets what differs.
So a restarted agent adopts it as it is, and one that was ended is started and told everything.  While it starts nobody
waits for it: the role is called again when it is there.

The namespaces and addresses are made by the roles router and dhcp, which come before this one; what is not there yet is
tried again.  Where nobody is served any more the process waits a while, empty, before it is ended: a router that is
down for a moment costs no start of a process.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from heddle.agent.metadata.scopes import TOLD, content, items, scope_of
from heddle.agent.mirror import Mirror
from heddle.agent.roles.base import Drift, Host
from heddle.agent.roles.metadata_plan import concerned, is_gateway, owners, places
from heddle.errors import HeddleError
from heddle.host.metadata import MetadataProcess, Place
from heddle.host.metadata_wire import Close, Configure, Holding, Look, News
from heddle.view.types import CLOUD, NeighbourView, Ref, RoleState, ScopeNews, Status, network_scope, router_scope

log = logging.getLogger(__name__)

LINGER = 10.0
STARTED = Ref("metadata", "")


class MetadataRole:
    name = "metadata"

    def __init__(self, process: Callable[[Path], MetadataProcess] = MetadataProcess) -> None:
        self._make_process = process
        self._places: dict[str, list[Place]] = {}
        self._heard: dict[str, str] = {}
        self._told: set[str] = set()
        self._failed: set[str] = set()
        self._gateways: dict[str, str] = {}
        self._holding = Holding(version="")
        self._idle_since = 0.0
        self._waits = False

    def prepare(self, host: Host) -> None:
        self._host = host
        self._process = self._make_process(Path(host.settings.paths.run))

    def reconcile(self, mirror: Mirror, changed: frozenset[Ref] | None) -> list[Status]:
        whole = changed is None or not self._process.connected
        if changed is None or whole:
            touched = owners(mirror) | self._places.keys()
        else:
            mine = {owner for ref in changed for owner in self._concerned(mirror, ref)}
            touched = {owner for owner in mine if owner in mirror.assignments or owner in self._places}
            if not touched and not any(ref.kind in TOLD for ref in changed):
                return []
        for owner in touched:
            wanted = places(mirror, owner, self._host.settings.metadata.isolated_networks)
            if wanted:
                self._places[owner] = wanted
            else:
                self._places.pop(owner, None)
        if not self._places:
            self._rest()
            return []
        self._idle_since = 0.0
        if not self._is_connected():
            return []
        if whole:
            self._adopt(digests=True)
            self._gateways = {each.id: each.network_id for each in mirror.neighbours.values() if is_gateway(each)}
        failures = self._listen(touched)
        self._tell(mirror, None if whole else changed)
        return self._statuses(mirror, touched, failures)

    def _is_connected(self) -> bool:
        """Whether the process is; if not, it is being started."""
        self._waits = False
        if not self._process.connected:
            self._waits = not self._process.connect(self._configuration(), lambda: self._host.touch([STARTED]))
        return not self._waits

    def audit(self, mirror: Mirror, repair: bool = True) -> list[Drift]:
        if self._waits or self._process.starting:
            return []
        if not self._places:
            if repair and time.monotonic() > self._idle_since + LINGER:
                self._end()
            return []
        try:
            self._adopt(digests=False)
        except HeddleError as error:
            found = [Drift("host", self._host.name, "the metadata process", str(error))]
            if repair:
                self.reconcile(mirror, None)
            return found
        heard, stamp = self._heard, self._process.stamp
        wrong = [(owner, place) for owner, place in self._wanted() if heard.get(place.key) != stamp(place)]
        found = [
            Drift(*_object(owner), f"{place.namespace}: metadata on {place.device}", "nobody listens")
            for owner, place in wrong
            if owner not in self._failed
        ]
        if repair and (failures := self._listen({owner for owner, _ in wrong})):
            self._host.touch([Ref(*_object(owner)) for owner in failures])
        return found

    def state(self, mirror: Mirror) -> RoleState:
        metadata = self._host.settings.metadata
        return RoleState(
            role=self.name,
            configuration={
                "nova_metadata_host": metadata.nova_host,
                "nova_metadata_port": metadata.nova_port if metadata.nova_host else 0,
                "isolated_networks": metadata.isolated_networks,
                "networks": sum(scope.startswith("network:") for scope in self._told),
                "listeners": len(self._heard),
                "requests_answered": self._holding.answered,
                "requests_refused": self._holding.refused,
                "problem": self._holding.problem,
            },
        )

    def close(self) -> None:
        self._process.disconnect()

    def _wanted(self) -> Iterable[tuple[str, Place]]:
        return [(owner, place) for owner, each in sorted(self._places.items()) for place in each]

    def _concerned(self, mirror: Mirror, ref: Ref) -> Iterable[str]:
        """The owners whose places a change of an object may change, as they were and as they are."""
        item = mirror.get(ref)
        if ref.kind == "neighbour":
            before = self._gateways.pop(ref.id, "")
            if isinstance(item, NeighbourView) and is_gateway(item):
                self._gateways[ref.id] = item.network_id
            yield f"dhcp/{self._gateways.get(ref.id) or before}"
        elif ref.kind == "port" and item is None:
            yield from {owner for owner, place in self._wanted() if place.device.endswith(ref.id[:11])}
        elif ref.kind == "subnet" and item is None:
            yield from self._places
        yield from concerned(mirror, ref)

    def _rest(self) -> None:
        """Nobody is served: the process hears nobody and knows nothing; one that this agent never spoke with ends."""
        self._waits = False
        if self._process.starting:
            return
        if not self._process.connected:
            self._end()
        elif not self._idle_since:
            self._idle_since = time.monotonic()
            self._listen(())
            self._process.say(News(dropped=sorted(self._told)))
            self._told, self._failed = set(), set()

    def _end(self) -> None:
        """Nothing runs."""
        if self._process.is_there():
            self._process.stop()
            log.info("metadata: nobody is served, the process has ended")
        self._heard, self._told, self._failed = {}, set(), set()

    def _adopt(self, digests: bool) -> None:
        """Ask the process what it holds."""
        before = self._holding.problem
        self._holding = self._process.ask(Look(digests=digests))
        if self._holding.problem and self._holding.problem != before:
            log.warning("metadata: %s", self._holding.problem)
        self._heard = dict(self._holding.listeners)

    def _listen(self, touched: Iterable[str]) -> dict[str, str]:
        """Close listeners that are not wanted, open those that are and are missing; what could not be, by owner."""
        wanted = {place.key: place for _, place in self._wanted()}
        for key in sorted(self._heard.keys() - wanted.keys()):
            self._close(key)
        failures: dict[str, str] = {}
        for owner in sorted(touched):
            for place in self._places.get(owner, ()):
                try:
                    self._open(place)
                except OSError as error:
                    failures[owner] = f"metadata on {place.device}: {error}"
        return failures

    def _open(self, place: Place) -> None:
        stamp = self._process.stamp(place)
        heard = self._heard.get(place.key)
        if stamp and heard == stamp:
            return
        if heard is not None:
            self._close(place.key)
        self._process.listen(place)
        self._heard[place.key] = stamp
        log.info("metadata served network=%s namespace=%s device=%s", place.network_id, place.namespace, place.device)

    def _close(self, key: str) -> None:
        self._process.ask(Close(key=key))
        self._heard.pop(key, None)

    def _tell(self, mirror: Mirror, changed: frozenset[Ref] | None) -> None:
        """Bring the process what is served: what changed, or after a look (None) what differs."""
        wanted = {network_scope(place.network_id) for _, place in self._wanted() if place.network_id in mirror.networks}
        wanted |= {router_scope(id) for role, id in map(_role, self._places) if role == "router"}
        wanted.add(CLOUD)
        if changed is None:
            held = self._holding.digests
            self._told = {scope for scope in held.keys() & wanted if held[scope] == content(mirror, scope)}
            dropped = held.keys() - wanted
        else:
            dropped = self._told - wanted
        scopes = [_whole(mirror, scope) for scope in sorted(wanted - self._told)]
        known, gone = _news(mirror, changed or (), wanted & self._told)
        if scopes or known or gone or dropped:
            self._process.say(News(scopes=[*scopes, *known], gone=gone, dropped=sorted(dropped)))
        self._told = wanted

    def _statuses(self, mirror: Mirror, touched: set[str], failures: dict[str, str]) -> list[Status]:
        """Failures, and what has failed before and is well now: whatever else there is to say others say."""
        well = (self._failed & touched) - failures.keys()
        self._failed = (self._failed - touched) | failures.keys()
        statuses = [_status(mirror, owner, failures.get(owner, "")) for owner in sorted(well | failures.keys())]
        return [each for each in statuses if each is not None]

    def _configuration(self) -> Configure:
        """Raises `HeddleError` when the file of certificates cannot be read."""
        settings, metadata = self._host.settings, self._host.settings.metadata
        try:
            ca = Path(metadata.nova_ca_file).read_text(encoding="ascii") if metadata.nova_ca_file else ""
        except (OSError, UnicodeDecodeError) as error:
            raise HeddleError(f"metadata.nova_ca_file={metadata.nova_ca_file} cannot be read: {error}") from error
        return Configure(
            domain=settings.network.dns_domain,
            nova_protocol=metadata.nova_protocol,
            nova_host=metadata.nova_host,
            nova_port=metadata.nova_port,
            ca=ca,
            secret=metadata.shared_secret,
        )


def _raw(item: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(item))


def _whole(mirror: Mirror, scope: str) -> ScopeNews:
    return ScopeNews(scope=scope, whole=True, objects=[_raw(item) for item in items(mirror, scope)])


def _news(mirror: Mirror, changed: Iterable[Ref], scopes: set[str]) -> tuple[list[ScopeNews], list[Ref]]:
    """What changed in scopes that the process knows."""
    more: dict[str, list[msgspec.Raw]] = {}
    gone: list[Ref] = []
    for ref in changed:
        if ref.kind in TOLD:
            item = mirror.get(ref)
            scope = scope_of(item)
            if item is None:
                gone.append(ref)
            elif scope in scopes:
                more.setdefault(scope, []).append(_raw(item))
    return [ScopeNews(scope=scope, objects=raws) for scope, raws in sorted(more.items())], gone


def _role(owner: str) -> tuple[str, str]:
    role, _, id = owner.partition("/")
    return role, id


def _object(owner: str) -> tuple[str, str]:
    role, id = _role(owner)
    return ("router" if role == "router" else "network"), id


def _status(mirror: Mirror, owner: str, problem: str) -> Status | None:
    kind, id = _object(owner)
    item = mirror.get(Ref(kind, id))
    if item is None:
        return None
    down = getattr(item, "admin_state_up", True) is False
    state = "error" if problem else "down" if down and kind == "router" else "up"
    return Status(kind=kind, id=id, revision=item.revision, state=state, message=problem)
