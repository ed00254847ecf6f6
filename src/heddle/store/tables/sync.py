"""Hosts and their agents, what they serve, what changed, and what they could not realise."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.model.agent import Agent
from heddle.store.tables.kit import METADATA, NOTHING, JsonText, id_column, number_column, table_for, text_column

agents = table_for(Agent, sa.UniqueConstraint("host", "role"))

hosts = sa.Table(
    "hosts",
    METADATA,
    text_column("name", key=True),
    text_column("tunnel_ip", 45),
    text_column("datapath", 32),
    sa.Column("bridge_mappings", JsonText(dict[str, str]), nullable=False),
    number_column("heartbeat"),
    number_column("revision"),
    number_column("drift"),
    number_column("failed"),
    sa.Column("latencies", JsonText(list[int]), nullable=False),
    sa.Column("availability_zone", sa.String(255), nullable=False, server_default=NOTHING),
)

# When a host had applied everything up to a revision, in milliseconds since the epoch; the latest are kept.
host_revisions = sa.Table(
    "host_revisions",
    METADATA,
    text_column("host", key=True),
    sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
    number_column("applied_at"),
)

# With what a host's agent proves who it is.
host_keys = sa.Table(
    "host_keys", METADATA, text_column("host", key=True), text_column("key", 64), text_column("created_at", 20)
)

# What a host serves: `role` "router" or "dhcp", `object_id` a router or a network.
assignments = sa.Table(
    "assignments",
    METADATA,
    text_column("role", 16, key=True),
    id_column("object_id", key=True),
    sa.Column("host", sa.String(255), primary_key=True, index=True),
)

# The latest change of each object in each scope; a deleted one stays as a tombstone for a while.  `committed_at` in
# milliseconds since the epoch.
changes = sa.Table(
    "changes",
    METADATA,
    text_column("scope", 300, key=True),
    text_column("kind", 32, key=True),
    text_column("id", 80, key=True),
    number_column("revision"),
    sa.Column("deleted", sa.Boolean, nullable=False),
    number_column("committed_at"),
    sa.Index("ix_changes_id", "id"),
    sa.Index("ix_changes_scope_revision", "scope", "revision"),
)

# Named numbers: "revision" is that of the newest change, "forgotten" that of the newest tombstone thrown away.
counters = sa.Table("counters", METADATA, text_column("name", 64, key=True), number_column("value"))

# Who does what is done in one place at a time, until when by the database's clock.
leases = sa.Table(
    "leases", METADATA, text_column("name", 64, key=True), text_column("holder", 64), number_column("expires")
)

# The agents' processes that were heard as a host, by the database's clock.
agent_instances = sa.Table(
    "agent_instances",
    METADATA,
    text_column("host", key=True),
    text_column("instance", 64, key=True),
    number_column("first_heard"),
    number_column("last_heard"),
    sa.Column("refused", sa.Boolean, nullable=False),
)

# What the host said of an object that it could not realise.
faults = sa.Table(
    "faults",
    METADATA,
    text_column("host", key=True),
    text_column("kind", 32, key=True),
    text_column("id", 80, key=True),
    sa.Column("message", sa.Text, nullable=False),
    text_column("since", 20),
)

# Audits that were asked for, of the last minutes: of one host, or of all with `host` "".
audits = sa.Table(
    "audits",
    METADATA,
    id_column("id", key=True),
    text_column("host"),
    sa.Column("repair", sa.Boolean, nullable=False),
    number_column("created_at"),
)

# What hosts answered: `total` deviations, of which `deviations` has the first.
audit_answers = sa.Table(
    "audit_answers",
    METADATA,
    id_column("audit_id", key=True),
    text_column("host", key=True),
    number_column("total"),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("deviations", JsonText(list[dict[str, str]]), nullable=False),
)

# What a host has to promise to ports: `unit` "kbps" of the `provider` (a bridge or card, or all tunnels), or "kpps" of
# the host with the provider "".
capacities = sa.Table(
    "capacities",
    METADATA,
    text_column("host", key=True),
    text_column("unit", 8, key=True),
    text_column("provider", 64, key=True),
    text_column("direction", 8, key=True),
    number_column("total"),
)
