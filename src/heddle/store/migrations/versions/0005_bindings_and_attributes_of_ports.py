"""Prepared bindings of ports, and attributes of ports that others use"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

NAMES = ("trusted", "data_plane_status", "propagate_uplink_status", "numa_affinity_policy", "device_profile")


def upgrade() -> None:
    op.create_table(
        "port_bindings",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("vif_type", sa.String(length=64), nullable=False),
        sa.Column("vif_details", sa.Text(), nullable=False),
        sa.Column("vnic_type", sa.String(length=64), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("port_id", "host", name=op.f("pk_port_bindings")),
    )
    with op.batch_alter_table("ports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("trusted", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("data_plane_status", sa.String(length=64), nullable=True))
        batch_op.add_column(
            sa.Column("propagate_uplink_status", sa.Boolean(), nullable=False, server_default=sa.true())
        )
        batch_op.add_column(sa.Column("numa_affinity_policy", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("device_profile", sa.String(length=255), nullable=True))
    with op.batch_alter_table("ports", schema=None) as batch_op:
        batch_op.alter_column("propagate_uplink_status", existing_type=sa.Boolean(), server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("ports", schema=None) as batch_op:
        for name in reversed(NAMES):
            batch_op.drop_column(name)
    op.drop_table("port_bindings")
