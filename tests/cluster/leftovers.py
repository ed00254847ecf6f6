"""What there is on the hosts and in the database of a lab, as names that can be compared: before, and after everything
was removed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import psycopg
from tests.cluster.lab import Lab
from tests.real.bridgehost import BridgeHost
from tests.real.testhost import TestHost

from heddle.control.instances import KEEP_SECONDS
from heddle.store.query.realised import KEPT_MS

# Rows that are not of users' objects: what changed lately, who was heard, what was asked, and how far hosts are.
KEPT = {"changes", "counters", "leases", "host_revisions", "agent_instances", "audits", "audit_answers",
        "failed_logins", "token_keys", "quota_usage"}  # fmt: skip
# A project's default group appears with the project's first request and stays.
LASTING = {"default_security_groups", "security_groups", "security_group_rules"}
COUNTERS = re.compile(r"\b(cookie|duration|n_packets|n_bytes|idle_age|hard_age)=[^ ,]*,? ?")
PROCESSES = re.compile(r"\S*(dnsmasq|radvd|keepalived|conntrackd)\b|\S*python\S* -m heddle\.agent\.metadata\b")
BRIDGES = ("br-int", "br-tun", "br-ex")
# Answers that are no objects, and what a switch has learned of routers, which it forgets by itself.
PASSING = re.compile("OFPST|reply|idle_timeout=")


def on_host(host: TestHost) -> set[str]:
    """Namespaces, interfaces, processes, flows, groups, meters, tracked connections, packet filter rules."""
    found = {f"namespace {line.split()[0]}" for line in host.run("ip", "netns", "list").splitlines() if line}
    links = json.loads(host.run("ip", "-j", "link", "show"))
    found |= {f"interface {link['ifname']}" for link in links}
    commands = host.run("ps", "-eo", "args").splitlines()
    found |= {f"process {line}" for line in commands if PROCESSES.match(line)}
    rules = host.run("nft", "-s", "list", "ruleset", check=False)
    found |= {f"rule {number} {line.strip()}" for line, number in _numbered(rules)}
    return found | (_on_bridges(host) if isinstance(host, BridgeHost) else _on_switch(host))


def _on_bridges(host: TestHost) -> set[str]:
    """Forwarding entries of bridges and tunnels that somebody wrote, and permanent neighbours."""
    entries = host.run("bridge", "fdb", "show").splitlines()
    found = {f"entry {line.strip()}" for line in entries if re.search(r"\b(dst|static)\b", line)}
    neighbours = host.run("ip", "neigh", "show", "nud", "permanent").splitlines()
    return found | {f"neighbour {line.strip()}" for line in neighbours if re.search(r"dev (brq|vxlan-)", line)}


def _on_switch(host: TestHost) -> set[str]:
    found: set[str] = set()
    for bridge in BRIDGES:
        found |= {f"port {bridge} {name}" for name in host.run("ovs-vsctl", "list-ports", bridge).split()}
        for what in ("flows", "groups", "meters"):
            text = host.run("ovs-ofctl", "-O", "OpenFlow15", f"dump-{what}", bridge)
            lines = (COUNTERS.sub("", line).strip() for line in text.splitlines())
            found |= {f"{what} {bridge} {line}" for line in lines if line and not PASSING.search(line)}
    zones = re.findall(r"zone=(\d+)", host.run("ovs-appctl", "dpctl/dump-conntrack"))
    return found | {f"connections of zone {zone}" for zone in set(zones)}


def _numbered(text: str) -> list[tuple[str, int]]:
    """Lines, and how often each was there before."""
    seen: Counter[str] = Counter()
    found = []
    for line in text.splitlines():
        seen[line.strip()] += 1
        found.append((line, seen[line.strip()]))
    return found


def in_database(lab: Lab) -> dict[str, int]:
    """The number of rows of each table that has objects; those of `changes` that are no tombstones,
    by scope and kind, but for the audits of the last minutes."""
    with psycopg.connect(lab.database.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = {
            name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # type: ignore[index]
            for (name,) in tables
            if name not in KEPT | LASTING
        }
        living = connection.execute(
            "SELECT scope, kind, count(*) FROM changes WHERE NOT deleted AND kind <> 'audit' GROUP BY 1, 2"
        )
        return {**found, **{f"changes of {kind} in {scope}": number for scope, kind, number in living.fetchall()}}


def kept_rows(lab: Lab) -> dict[str, int]:
    """The number of rows of the tables that are trimmed; of those that are kept by time, the rows that are too old."""

    def late(table: str, column: str, newest: str, kept: int) -> str:
        last = f"SELECT max({newest}) FROM {table} AS last WHERE last.host = one.host"
        return f"SELECT count(*) FROM {table} AS one WHERE {column} < ({last}) - {kept}"

    counts = {
        "host_revisions": late("host_revisions", "applied_at", "applied_at", KEPT_MS),
        "agent_instances": late("agent_instances", "last_heard", "first_heard", KEEP_SECONDS),
    }
    with psycopg.connect(lab.database.url) as connection:
        return {
            name: connection.execute(  # type: ignore[index]
                counts.get(name, f'SELECT count(*) FROM "{name}"')
            ).fetchone()[0]
            for name in sorted(KEPT)
        }


def in_folders(lab: Lab) -> set[str]:
    """The files of the agents, but for logs."""
    found = set()
    for host in lab.hosts:
        place = Path(lab.folder / host.name)
        files = [path for path in place.rglob("*") if path.is_file() and "log" not in path.parts]
        found |= {str(path.relative_to(lab.folder)) for path in files}
    return found
