"""Hosts are told of logs

Of those that there are, too: who is older than what is forgotten gets everything anew, with the logs of its scopes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"

CHANGES = sa.table(
    "changes", sa.column("scope"), sa.column("kind"), sa.column("id"), sa.column("revision"),
    sa.column("deleted", sa.Boolean()), sa.column("committed_at"),
)  # fmt: skip
COUNTERS = sa.table("counters", sa.column("name"), sa.column("value"))
LOGS = sa.table(
    "logs", sa.column("id"), sa.column("target_id"), sa.column("resource_id"), sa.column("enabled", sa.Boolean())
)
PORTS = sa.table("ports", sa.column("id"), sa.column("network_id"))


def upgrade() -> None:
    connection = op.get_bind()
    told = (
        sa.select(LOGS.c.id, LOGS.c.resource_id, PORTS.c.network_id)
        .join(PORTS, PORTS.c.id == LOGS.c.target_id, isouter=True)
        .where(LOGS.c.enabled == sa.true())
    )
    rows = connection.execute(told).all()
    if not rows:
        return
    connection.execute(_counter("revision").values(value=COUNTERS.c.value + 1))
    now = connection.execute(sa.select(COUNTERS.c.value).where(COUNTERS.c.name == "revision")).scalar_one()
    rest = {"kind": "log", "revision": now, "deleted": False, "committed_at": 0}
    connection.execute(sa.insert(CHANGES), [{"scope": _scope(group, net), "id": id, **rest} for id, group, net in rows])
    connection.execute(_counter("forgotten").values(value=now))


def _scope(group_id: str | None, network_id: str | None) -> str:
    if network_id:
        return f"network:{network_id}"
    return f"group:{group_id}" if group_id else "cloud"


def _counter(name: str) -> sa.Update:
    return sa.update(COUNTERS).where(COUNTERS.c.name == name)


def downgrade() -> None:
    op.get_bind().execute(sa.delete(CHANGES).where(CHANGES.c.kind == "log"))
