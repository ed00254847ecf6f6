"""What metering labels have counted"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"

NUMBERS = ("since", "packets", "bytes", "earlier_packets", "earlier_bytes", "updated_at")


def upgrade() -> None:
    op.create_table(
        "metering_counts",
        sa.Column("metering_label_id", sa.String(length=36), nullable=False),
        sa.Column("router_id", sa.String(length=36), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in NUMBERS),
        sa.PrimaryKeyConstraint("metering_label_id", "router_id", "host", name=op.f("pk_metering_counts")),
    )
    op.create_index(op.f("ix_metering_counts_host"), "metering_counts", ["host"])


def downgrade() -> None:
    op.drop_table("metering_counts")
