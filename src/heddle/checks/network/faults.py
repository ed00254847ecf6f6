"""Hosts could realise every object that they were given."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, heard
from heddle.store.query import hosts

SHOWN = 10


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        if (told := heard(context, tx)) is None:
            return [NOBODY]
        found = [fault for fault in hosts.faults(tx) if fault.host in told.hosts]
    if not found:
        return [well(f"no host reports an object that it could not realise{told.beside}")]
    more = [warning(f"and {len(found) - SHOWN} more")] if len(found) > SHOWN else []
    return [
        warning(f"{each.kind} {each.id}: {each.message}", evidence=f"since {each.since}", node=each.host)
        for each in found[:SHOWN]
    ] + more


CHECK = Check(
    id="network-faults",
    title="Hosts could realise every object",
    reads="what agents reported of objects that failed",
    severity=Level.WARNING,
    remedy="The message says what was in the way; the agent tries again by itself. `heddle status` lists all.",
    check=check,
    openstack="agents of OpenStack do not tell which objects failed",
)
