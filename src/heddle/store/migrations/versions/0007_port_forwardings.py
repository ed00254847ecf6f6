"""Ports of floating IPs that lead to ports behind routers"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "port_forwardings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("external_port", sa.BigInteger(), nullable=True),
        sa.Column("internal_port", sa.BigInteger(), nullable=True),
        sa.Column("external_port_range", sa.String(length=11), nullable=True),
        sa.Column("internal_port_range", sa.String(length=11), nullable=True),
        sa.Column("internal_ip_address", sa.String(length=45), nullable=False),
        sa.Column("protocol", sa.String(length=64), nullable=False),
        sa.Column("internal_port_id", sa.String(length=36), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=False),
        sa.Column("floatingip_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_port_forwardings")),
    )
    for name in ("project_id", "internal_port_id", "floatingip_id"):
        op.create_index(op.f(f"ix_port_forwardings_{name}"), "port_forwardings", [name])


def downgrade() -> None:
    op.drop_table("port_forwardings")
