"""Interfaces of distributed routers are told by their owner

Hosts get everything anew, so that those which forward for such routers learn of it.  The index is what a host's scopes
are looked up by.
"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"

PLAIN, DISTRIBUTED = "network:router_interface", "network:router_interface_distributed"
PORTS = sa.table("ports", sa.column("device_id"), sa.column("device_owner"))
ROUTERS = sa.table("routers", sa.column("id"), sa.column("distributed", sa.Boolean()))
COUNTERS = sa.table("counters", sa.column("name"), sa.column("value"))


def upgrade() -> None:
    op.create_index("ix_ports_network_owner", "ports", ["network_id", "device_owner"])
    if not _rename(PLAIN, DISTRIBUTED):
        return
    connection = op.get_bind()
    connection.execute(_counter("revision").values(value=COUNTERS.c.value + 1))
    now = connection.execute(sa.select(COUNTERS.c.value).where(COUNTERS.c.name == "revision")).scalar_one()
    connection.execute(_counter("forgotten").values(value=now))


def _rename(before: str, after: str) -> int:
    """Say of the interfaces of distributed routers whose they are.  Returns how many there are."""
    mine = PORTS.c.device_id.in_(sa.select(ROUTERS.c.id).where(ROUTERS.c.distributed == sa.true()))
    query = sa.update(PORTS).where(PORTS.c.device_owner == before, mine).values(device_owner=after)
    return int(op.get_bind().execute(query).rowcount)


def _counter(name: str) -> sa.Update:
    return sa.update(COUNTERS).where(COUNTERS.c.name == name)


def downgrade() -> None:
    _rename(DISTRIBUTED, PLAIN)
    op.drop_index("ix_ports_network_owner", "ports")
