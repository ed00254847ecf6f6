"""A DNS server outside is told the names of ports and floating IPs, in the background and in one place at a time.

A verb marks what its change may concern, in its own transaction, and is done: no request waits for that server.
The publisher compares what each marked object's names shall be with the record sets that the database has of it, and
tells the server of those that differ.  Before it does, it writes down what it is about to add, so that what may be
there is known though it be killed in between.  What fails is tried again, after 2, 4, 8… seconds; while the server
cannot be reached at all, one record is tried and the others wait.

A name and type belong to the object that had them first; another's wait until they are free, as they do for what
somebody else has written there.  When a process begins to publish, everything that has a name is looked at once: what
changed while no driver was set is told then.

The lease is renewed before each round, and a round begins nothing after `ROUND_SECONDS`: with a change taking at most
`dns.timeout`, none is under way when another process has the lease.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from dataclasses import replace

from heddle import dns
from heddle.config import Settings
from heddle.control import dns_names
from heddle.control.context import Context
from heddle.control.duties import Duty, Keeper, Term
from heddle.dns.base import DnsError, Driver, RecordSet, Taken, Unreachable
from heddle.store import clock
from heddle.store.engine import Store, Tx
from heddle.store.marks import write_marks
from heddle.store.query import dns_records as q
from heddle.store.query import floating_ips, networks, ports, segments, subnets
from heddle.store.query.dns_records import Row

log = logging.getLogger(__name__)

LEASE = "dns"
LOOK_SECONDS = 1.0
ROUND_SECONDS = 5.0
BATCH = 100
MOST_WAIT, MOST_PAUSE = 600, 30


def keeper(store: Store, settings: Settings) -> Keeper | None:
    """What publishes in this process when it has the lease; None without a driver.  Raises `ConfigError`."""
    driver = dns.driver(settings)
    if driver is None:
        return None
    duty = Duty(LEASE, 0.0, Publisher(driver).work)
    return Keeper(store, settings, lambda: True, (duty,), lease=LEASE, look_seconds=LOOK_SECONDS)


class Publisher:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._everything = False  # whether all that has a name was looked at
        self._failures = 0
        self._silent_until = 0.0

    def work(self, term: Term) -> None:
        """All that is marked, and a round of what is due."""
        if not self._everything:
            term.write(_mark_everything)
            self._everything = True
        with term.store.read() as tx:
            if not q.anything(tx, clock.now(tx)):
                return
        while term.write(self._settle):
            pass
        if time.monotonic() >= self._silent_until:
            self._tell(term)

    def _settle(self, ctx: Context) -> int:
        """Write down which record sets some of the marked objects shall have.  Returns how many were marked."""
        marks = q.marked(ctx.tx, BATCH)
        if marks:
            kinds = {id: kind for id, kind, _ in marks}
            wider = [id for id, kind in kinds.items() if kind == "network"]
            write_marks(ctx.tx.conn, {port: "port" for id in wider for port in q.named_ports(ctx.tx, id)})
            owners, wanted = wanted_of(ctx.tx, kinds.keys() - set(wider), self._driver)
            _save(ctx, owners, wanted)
            q.unmark(ctx.tx, marks)
        return len(marks)

    def _tell(self, term: Term) -> None:
        until = time.monotonic() + ROUND_SECONDS
        rows, waiting = term.write(_begin)
        done: list[Row] = []
        for row in rows:
            if time.monotonic() >= until or time.monotonic() < self._silent_until:
                break
            self._tell_one(row)
            done.append(row)
        if done or waiting:
            term.write(lambda ctx: _end(ctx, done + waiting))

    def _tell_one(self, row: Row) -> None:
        """The outcome is written into the row: what is there of ours, and why it is not what is wanted."""
        records = RecordSet(row.name, row.type, row.zone, row.project_id)
        try:
            if row.ours or row.wanted:
                self._driver.replace(records, row.ours, row.wanted)
        except Exception as error:
            self._failed(row, error)
            return
        self._failures, self._silent_until = 0, 0.0
        log.info("name published name=%s type=%s values=%s", row.name, row.type, ",".join(row.wanted) or "none")
        row.ours, row.error = row.wanted, ""

    def _failed(self, row: Row, error: Exception) -> None:
        if not row.error:
            unknown = not isinstance(error, DnsError)
            log.warning("name not published name=%s type=%s: %s", row.name, row.type, error, exc_info=unknown)
        row.error = str(error) or type(error).__name__
        if isinstance(error, Taken):
            row.ours = []
        if isinstance(error, Unreachable):
            self._failures += 1
            self._silent_until = time.monotonic() + min(2**self._failures, MOST_PAUSE)


def _mark_everything(ctx: Context) -> None:
    """Whatever has a name, or had one that the server was told of."""
    named = [*q.owners(ctx.tx), *q.named_floating_ips(ctx.tx), *q.named_ports(ctx.tx)]
    marks = dict.fromkeys(named, "object")
    if marks:
        write_marks(ctx.tx.conn, marks)


def wanted_of(tx: Tx, ids: Collection[str], driver: Driver) -> tuple[set[str], list[Row]]:
    """The objects with these ids and the floating IPs of those that are ports, and the record sets they shall have."""
    changed = ports.PORTS.get_many(tx, ids)
    floating = floating_ips.FLOATING_IPS.get_many(tx, ids)
    floating |= {each.id: each for each in floating_ips.of_ports(tx, list(changed))}
    reached = ports.PORTS.get_many(tx, {each.port_id for each in floating.values() if each.port_id})
    places = _places(tx, {port.network_id for port in (*changed.values(), *reached.values())})
    rows = []
    for port in changed.values():
        rows += dns_names.of_port(port, places[port.network_id], driver.reverse_zone)
    for each in floating.values():
        target = reached.get(each.port_id or "")
        network = places[target.network_id].network if target else None
        rows += dns_names.of_floating_ip(each, target, network, driver.reverse_zone)
    return set(ids) | floating.keys(), rows


def _places(tx: Tx, ids: Collection[str]) -> dict[str, dns_names.Where]:
    found = networks.NETWORKS.get_many(tx, ids)
    on, inside = segments.of_networks(tx, found), subnets.of_networks(tx, list(found))
    own = q.in_ranges(tx, [segment for each in on.values() for segment in each])
    return {
        id: dns_names.where(network, on.get(id, []), own, inside.get(id, [])) for id, network in found.items()
    }


def _save(ctx: Context, owners: Collection[str], wanted: list[Row]) -> None:
    """Compare what objects shall have with what is written down of them."""
    now = clock.now(ctx.tx)
    known = {(row.owner_id, row.zone, *row.key): row for row in q.of_owners(ctx.tx, owners)}
    changed = []
    for row in wanted:
        old = known.pop((row.owner_id, row.zone, *row.key), None)
        if old is None or old.wanted != row.wanted:
            row.ours = old.ours if old else []
            row.due, row.since = now, ctx.now
            changed.append(row)
    for gone in known.values():
        if gone.wanted:
            gone.wanted, gone.due, gone.attempts, gone.error, gone.since = [], now, 0, "", ctx.now
            changed.append(gone)
    q.save(ctx.tx, changed)


def _begin(ctx: Context) -> tuple[list[Row], list[Row]]:
    """What is to be told in a round, with what it adds written down; and what waits for another object's name."""
    rows = q.due(ctx.tx, clock.now(ctx.tx), BATCH)
    rows.sort(key=lambda row: bool(row.wanted))
    held = {row.key: row.owner_id for row in q.of_names(ctx.tx, {row.name for row in rows}) if row.ours}
    going, waiting = [], []
    for row in rows:
        owner = held.get(row.key, row.owner_id) if row.wanted else row.owner_id
        if owner != row.owner_id and not row.ours:
            if not row.error:
                log.warning("name not published name=%s type=%s: another object has it id=%s", *row.key, owner)
            row.error = "another port or floating IP of this cloud has this name: it waits until that is gone"
            waiting.append(row)
        else:
            held.setdefault(row.key, row.owner_id)
            row.ours = sorted(set(row.ours) | set(row.wanted))
            going.append(row)
    q.save(ctx.tx, going)
    return going, waiting


def _end(ctx: Context, rows: list[Row]) -> None:
    now = clock.now(ctx.tx)
    gone = [row for row in rows if not row.error and not row.wanted]
    q.drop(ctx.tx, gone)
    kept = [row for row in rows if row.error or row.wanted]
    q.save(ctx.tx, [_again(row, now) if row.error else replace(row, attempts=0, due=0) for row in kept])
    freed = {row.key for row in gone}
    heirs = [row for row in q.of_names(ctx.tx, {row.name for row in gone}) if row.key in freed and row.due]
    for row in heirs:
        row.due = now
    q.save(ctx.tx, heirs)


def _again(row: Row, now: int) -> Row:
    attempts = row.attempts + 1
    return replace(row, attempts=attempts, due=now + min(2**min(attempts, 10), MOST_WAIT))
