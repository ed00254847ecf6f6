"""RBAC entries, in place of the column that said that a QoS policy is shared"""

import uuid
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

POLICIES = sa.table("qos_policies", sa.column("id"), sa.column("project_id"), sa.column("shared", sa.Boolean()))
ENTRIES = sa.table(
    "rbac_policies",
    *(sa.column(name) for name in ("id", "project_id", "object_type", "object_id", "action", "target_tenant")),
)
USAGE = sa.table("quota_usage", sa.column("project_id"), sa.column("resource"), sa.column("used"))
ENTRY = {"object_type": "qos_policy", "action": "access_as_shared", "target_tenant": "*"}


def upgrade() -> None:
    query = sa.select(POLICIES.c.id, POLICIES.c.project_id).where(POLICIES.c.shared == sa.true())
    found = op.get_bind().execute(query).all()
    if found:
        entries = [
            {**ENTRY, "id": str(uuid.uuid4()), "project_id": project_id, "object_id": id} for id, project_id in found
        ]
        op.bulk_insert(ENTRIES, entries)
        _count(Counter(project_id for _, project_id in found))
    op.drop_index(op.f("ix_qos_policies_shared"), "qos_policies")
    with op.batch_alter_table("qos_policies") as batch_op:
        batch_op.drop_column("shared")


def downgrade() -> None:
    with op.batch_alter_table("qos_policies") as batch_op:
        batch_op.add_column(sa.Column("shared", sa.Boolean(), nullable=False, server_default=sa.false()))
    mine = ENTRIES.c.object_type == ENTRY["object_type"]
    for_all = sa.select(ENTRIES.c.object_id).where(mine, ENTRIES.c.target_tenant == ENTRY["target_tenant"])
    op.execute(sa.update(POLICIES).where(POLICIES.c.id.in_(for_all)).values(shared=True))
    owners = op.get_bind().execute(sa.select(ENTRIES.c.project_id).where(mine)).scalars()
    _count(Counter({project_id: -count for project_id, count in Counter(owners).items()}))
    op.execute(sa.delete(ENTRIES).where(mine))
    with op.batch_alter_table("qos_policies") as batch_op:
        batch_op.alter_column("shared", existing_type=sa.Boolean(), server_default=None)
    op.create_index(op.f("ix_qos_policies_shared"), "qos_policies", ["shared"])


def _count(counts: Counter[str]) -> None:
    """Note in each project's usage how many entries there are more, or fewer."""
    for project_id, count in counts.items():
        row = sa.and_(USAGE.c.project_id == project_id, USAGE.c.resource == "rbac_policy")
        if not op.get_bind().execute(sa.update(USAGE).where(row).values(used=USAGE.c.used + count)).rowcount:
            op.bulk_insert(USAGE, [{"project_id": project_id, "resource": "rbac_policy", "used": count}])
