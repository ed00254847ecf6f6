"""Hosts are told of QoS policies

Of those that there are, too: who is older than what is forgotten gets everything anew, with the policy of each object.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"

CHANGES = sa.table(
    "changes", sa.column("scope"), sa.column("kind"), sa.column("id"), sa.column("revision"),
    sa.column("deleted", sa.Boolean()), sa.column("committed_at"),
)  # fmt: skip
COUNTERS = sa.table("counters", sa.column("name"), sa.column("value"))
POLICIES = sa.table("qos_policies", sa.column("id"))


def upgrade() -> None:
    connection = op.get_bind()
    ids = connection.execute(sa.select(POLICIES.c.id)).scalars().all()
    if not ids:
        return
    connection.execute(_counter("revision").values(value=COUNTERS.c.value + 1))
    now = connection.execute(sa.select(COUNTERS.c.value).where(COUNTERS.c.name == "revision")).scalar_one()
    rest = {"kind": "qos_policy", "revision": now, "deleted": False, "committed_at": 0}
    connection.execute(sa.insert(CHANGES), [{"scope": f"qos:{id}", "id": id, **rest} for id in ids])
    connection.execute(_counter("forgotten").values(value=now))


def _counter(name: str) -> sa.Update:
    return sa.update(COUNTERS).where(COUNTERS.c.name == name)


def downgrade() -> None:
    op.get_bind().execute(sa.delete(CHANGES).where(CHANGES.c.kind == "qos_policy"))
