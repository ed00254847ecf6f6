"""Nobody changes by hand what agents look after: since they started they had nothing to put right."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.checks.heard import NOBODY, heard
from heddle.store.query import hosts


def check(context: Context) -> list[Finding]:
    with context.cloud() as tx:
        if (told := heard(context, tx)) is None:
            return [NOBODY]
        found = [host for host in hosts.every(tx) if host.drift and host.name in told.hosts]
    if not found:
        return [well(f"no host had anything to put right{told.beside}")]
    return [warning(f"{host.name} had {host.drift} deviations to put right since its agent started", f"{host.drift}",
                    node=host.name) for host in found]  # fmt: skip


CHECK = Check(
    id="network-drift",
    title="Hosts had nothing to put right",
    reads="how many deviations each agent has found and repaired since it started",
    severity=Level.WARNING,
    remedy="The agent's log names each (drift … repaired): find out who changes flows, rules or addresses by hand. "
    "`heddle audit` looks for those of the moment.",
    check=check,
    openstack="agents of OpenStack do not tell what they had to put right",
)
