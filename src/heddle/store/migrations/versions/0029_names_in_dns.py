"""What a DNS server outside has been told, and what it has to be told"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    op.create_table(
        "dns_marks",
        sa.Column("object_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("mark", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("object_id", name=op.f("pk_dns_marks")),
    )
    op.create_table(
        "dns_records",
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("type", sa.String(length=8), nullable=False),
        sa.Column("zone", sa.String(length=255), nullable=False),
        sa.Column("owner_id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("wanted", sa.Text(), nullable=False),
        sa.Column("ours", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("since", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("name", "type", "zone", "owner_id", name=op.f("pk_dns_records")),
    )
    op.create_index(op.f("ix_dns_records_due"), "dns_records", ["due"])
    op.create_index(op.f("ix_dns_records_owner_id"), "dns_records", ["owner_id"])


def downgrade() -> None:
    op.drop_table("dns_records")
    op.drop_table("dns_marks")
