"""Hosts that are ready to carry highly available routers"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    op.create_table(
        "ha_bindings",
        sa.Column("router_id", sa.String(36), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("priority", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("term", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("router_id", "host", name="pk_ha_bindings"),
    )
    op.create_index("ix_ha_bindings_host", "ha_bindings", ["host"])
    op.create_table(
        "ha_keys",
        sa.Column("name", sa.String(16), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_ha_keys"),
    )


def downgrade() -> None:
    """A router stays with the host that carried it."""
    routers = sa.table("routers", sa.column("id"), sa.column("host"), sa.column("ha", sa.Boolean()))
    assignments = sa.table("assignments", sa.column("role"), sa.column("object_id"), sa.column("host"))
    for id, host in op.get_bind().execute(sa.select(routers.c.id, routers.c.host).where(routers.c.ha == sa.true())):
        others = (assignments.c.role == "router", assignments.c.object_id == id, assignments.c.host != host)
        op.get_bind().execute(sa.delete(assignments).where(*others))
    op.drop_table("ha_keys")
    op.drop_table("ha_bindings")
