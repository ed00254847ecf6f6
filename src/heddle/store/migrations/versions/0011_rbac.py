"""RBAC entries, in place of the columns that said that an object is shared or external"""

import uuid
from collections import Counter

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# The columns that entries take the place of: (table, column, object_type, action).
COLUMNS = (
    ("networks", "shared", "network", "access_as_shared"),
    ("networks", "router_external", "network", "access_as_external"),
    ("subnetpools", "shared", "subnetpool", "access_as_shared"),
    ("address_scopes", "shared", "address_scope", "access_as_shared"),
)
ENTRIES = sa.table(
    "rbac_policies",
    *(sa.column(name) for name in ("id", "project_id", "object_type", "object_id", "action", "target_tenant")),
)
USAGE = sa.table("quota_usage", sa.column("project_id"), sa.column("resource"), sa.column("used"))


def upgrade() -> None:
    op.create_table(
        "rbac_policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("object_type", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target_tenant", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rbac_policies")),
        sa.UniqueConstraint(
            "object_id", "action", "target_tenant", name=op.f("uq_rbac_policies_object_id_action_target_tenant")
        ),
    )
    op.create_index(op.f("ix_rbac_policies_project_id"), "rbac_policies", ["project_id"])
    op.create_index(
        "ix_rbac_policies_target_tenant", "rbac_policies", ["target_tenant", "object_type", "action", "object_id"]
    )
    counts: Counter[str] = Counter()
    for table, column, object_type, action in COLUMNS:
        counts += _make_entries(table, column, object_type, action)
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column(column)
    rows = [{"project_id": project, "resource": "rbac_policy", "used": used} for project, used in counts.items()]
    if rows:
        op.bulk_insert(USAGE, rows)


def _make_entries(table: str, column: str, object_type: str, action: str) -> Counter[str]:
    """An entry for everybody for each object whose column is true; gives how many there are of each project."""
    source = sa.table(table, sa.column("id"), sa.column("project_id"), sa.column(column, sa.Boolean()))
    query = sa.select(source.c.id, source.c.project_id).where(source.c[column] == sa.true())
    found = op.get_bind().execute(query).all()
    entries = [
        {
            "id": str(uuid.uuid4()),
            "project_id": project_id,
            "object_type": object_type,
            "object_id": id,
            "action": action,
            "target_tenant": "*",
        }
        for id, project_id in found
    ]
    if entries:
        op.bulk_insert(ENTRIES, entries)
    return Counter(project_id for _, project_id in found)


def downgrade() -> None:
    for table, column, object_type, action in COLUMNS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column(column, sa.Boolean(), nullable=False, server_default=sa.false()))
        named = sa.select(ENTRIES.c.object_id).where(
            ENTRIES.c.object_type == object_type, ENTRIES.c.action == action, ENTRIES.c.target_tenant == "*"
        )
        target = sa.table(table, sa.column("id"), sa.column(column, sa.Boolean()))
        op.execute(sa.update(target).where(target.c.id.in_(named)).values({column: True}))
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column(column, existing_type=sa.Boolean(), server_default=None)
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])
    op.execute(sa.delete(USAGE).where(USAGE.c.resource == "rbac_policy"))
    op.drop_table("rbac_policies")
