"""Distributed and highly available routers, flavors and their service profiles"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "flavors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=True),
        sa.Column("service_type", sa.String(length=64), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flavors")),
    )
    op.create_table(
        "service_profiles",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=True),
        sa.Column("driver", sa.String(length=1024), nullable=False),
        sa.Column("metainfo", sa.String(length=4095), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_profiles")),
    )
    op.create_table(
        "flavor_service_profiles",
        sa.Column("flavor_id", sa.String(length=36), nullable=False),
        sa.Column("service_profile_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("flavor_id", "service_profile_id", name=op.f("pk_flavor_service_profiles")),
    )
    op.create_index(
        op.f("ix_flavor_service_profiles_service_profile_id"), "flavor_service_profiles", ["service_profile_id"]
    )
    op.create_table(
        "ha_networks",
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("project_id", name=op.f("pk_ha_networks")),
    )
    op.create_index(op.f("ix_ha_networks_network_id"), "ha_networks", ["network_id"])
    with op.batch_alter_table("routers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("distributed", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("ha", sa.Boolean(), nullable=True))
        batch_op.add_column(sa.Column("flavor_id", sa.String(length=36), nullable=True))
        batch_op.create_index(batch_op.f("ix_routers_flavor_id"), ["flavor_id"], unique=False)
    routers = sa.table("routers", sa.column("distributed", sa.Boolean()), sa.column("ha", sa.Boolean()))
    op.execute(sa.update(routers).values(distributed=False, ha=False))


def downgrade() -> None:
    with op.batch_alter_table("routers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_routers_flavor_id"))
        batch_op.drop_column("flavor_id")
        batch_op.drop_column("ha")
        batch_op.drop_column("distributed")
    op.drop_table("ha_networks")
    op.drop_table("flavor_service_profiles")
    op.drop_table("service_profiles")
    op.drop_table("flavors")
