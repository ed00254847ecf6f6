"""What metering labels have counted, from the readings of hosts.

A host tells what each of its counters says, and since when there is that counter.  A counter that went on replaces
what was known of it; one that is newer begins at 0, and what the one before it said at last is kept.  So a reading may
come twice, late or after its router has moved, and nothing is counted twice; what a router sent while it was on several
hosts adds up.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from heddle.store.engine import Tx
from heddle.store.query import metering as q
from heddle.store.query.metering import Counted
from heddle.view.types import MeterReading, RoleState


def take(tx: Tx, host: str, roles: Iterable[RoleState]) -> None:
    """Take in the readings of a host; those of labels that are gone say nothing."""
    readings = sorted((each for role in roles for each in role.readings), key=lambda each: each.since)
    if not readings:
        return
    known = q.counted_on(tx, host)
    new = _advance(known, host, readings)
    missing = {label for label, _ in new} - {label for label, _ in known}
    gone = {label for label in sorted(missing) if q.LABELS.get(tx, label, bare=True, hold=True) is None}
    now = time.time_ns() // 1_000_000
    q.save_counted(tx, [replace(each, updated_at=now) for key, each in sorted(new.items()) if key[0] not in gone])


def _advance(
    known: dict[tuple[str, str], Counted], host: str, readings: Sequence[MeterReading]
) -> dict[tuple[str, str], Counted]:
    """What is other than before; `readings` in the order in which their counters were made.

    A counter that has counted nothing yet is none.
    """
    now = dict(known)
    for each in readings:
        key = each.label_id, each.router_id
        if key not in now and not each.packets:
            continue
        had = now.get(key) or Counted(*key, host, each.since, 0, 0)
        if each.since < had.since or (each.since == had.since and each.bytes < had.bytes):
            continue
        if each.since > had.since:
            had = replace(
                had,
                since=each.since,
                earlier_packets=had.earlier_packets + had.packets,
                earlier_bytes=had.earlier_bytes + had.bytes,
            )
        now[key] = replace(had, packets=each.packets, bytes=each.bytes)
    return {key: value for key, value in now.items() if known.get(key) != value}
