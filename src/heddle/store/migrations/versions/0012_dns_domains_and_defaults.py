"""DNS domains of ports; published addresses; the default external network, and topologies made by themselves"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

COLUMNS = (
    ("ports", "dns_domain", sa.String(255), ""),
    ("ports", "dns_zone", sa.String(255), ""),
    ("subnets", "dns_publish_fixed_ip", sa.Boolean(), sa.false()),
    ("networks", "is_default", sa.Boolean(), sa.false()),
)


def upgrade() -> None:
    for table, name, kind, default in COLUMNS:
        op.add_column(table, sa.Column(name, kind, nullable=False, server_default=default))
        with op.batch_alter_table(table) as batch:
            batch.alter_column(name, existing_type=kind, existing_nullable=False, server_default=None)
    op.create_table(
        "auto_allocated_topologies",
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("network_id", sa.String(36), nullable=False),
        sa.Column("router_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_auto_allocated_topologies")),
    )
    op.create_index(op.f("ix_auto_allocated_topologies_network_id"), "auto_allocated_topologies", ["network_id"])


def downgrade() -> None:
    op.drop_index(op.f("ix_auto_allocated_topologies_network_id"), "auto_allocated_topologies")
    op.drop_table("auto_allocated_topologies")
    for table, name, _, _ in COLUMNS:
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
