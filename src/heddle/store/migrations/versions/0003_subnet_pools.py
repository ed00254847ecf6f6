"""Subnet pools and address scopes"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "address_scopes",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("ip_version", sa.BigInteger(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_scopes")),
    )
    op.create_table(
        "subnetpools",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("description", sa.String(255), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("updated_at", sa.String(20), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("prefixes", sa.Text(), nullable=False),
        sa.Column("ip_version", sa.BigInteger(), nullable=False),
        sa.Column("default_prefixlen", sa.BigInteger(), nullable=False),
        sa.Column("min_prefixlen", sa.BigInteger(), nullable=False),
        sa.Column("max_prefixlen", sa.BigInteger(), nullable=False),
        sa.Column("default_quota", sa.BigInteger(), nullable=True),
        sa.Column("address_scope_id", sa.String(36), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnetpools")),
    )
    op.create_table(
        "subnetpool_ranges",
        sa.Column("subnetpool_id", sa.String(36), nullable=False),
        sa.Column("first", sa.String(32), nullable=False),
        sa.Column("last", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("subnetpool_id", "first", name=op.f("pk_subnetpool_ranges")),
    )
    op.create_table(
        "defaults",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("object_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_defaults")),
    )
    for table, column in INDEXES:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column])


def downgrade() -> None:
    for table, column in INDEXES:
        op.drop_index(op.f(f"ix_{table}_{column}"), table)
    for table in ("defaults", "subnetpool_ranges", "subnetpools", "address_scopes"):
        op.drop_table(table)


INDEXES = (
    ("address_scopes", "project_id"),
    ("address_scopes", "shared"),
    ("subnetpools", "project_id"),
    ("subnetpools", "address_scope_id"),
    ("subnetpools", "shared"),
    ("subnets", "subnetpool_id"),
)
