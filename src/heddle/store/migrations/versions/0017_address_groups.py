"""Address groups, and rules of security groups that name one"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "address_groups",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("description", sa.String(1024), nullable=False),
        sa.Column("revision_number", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.String(20), nullable=False),
        sa.Column("updated_at", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_groups")),
    )
    op.create_index(op.f("ix_address_groups_project_id"), "address_groups", ["project_id"])
    op.create_table(
        "address_group_addresses",
        sa.Column("address_group_id", sa.String(36), nullable=False),
        sa.Column("address", sa.String(43), nullable=False),
        sa.PrimaryKeyConstraint("address_group_id", "address", name=op.f("pk_address_group_addresses")),
    )
    with op.batch_alter_table("security_group_rules") as batch_op:
        batch_op.add_column(sa.Column("remote_address_group_id", sa.String(36), nullable=True))
        batch_op.create_index(
            batch_op.f("ix_security_group_rules_remote_address_group_id"), ["remote_address_group_id"]
        )


def downgrade() -> None:
    rules = sa.table("security_group_rules", sa.column("remote_address_group_id"))
    op.execute(sa.delete(rules).where(rules.c.remote_address_group_id.is_not(None)))
    with op.batch_alter_table("security_group_rules") as batch_op:
        batch_op.drop_index(batch_op.f("ix_security_group_rules_remote_address_group_id"))
        batch_op.drop_column("remote_address_group_id")
    op.drop_table("address_group_addresses")
    op.drop_table("address_groups")
