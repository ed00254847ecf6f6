"""What hosts can guarantee, and why a port was refused by its host"""

import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    op.create_table(
        "capacities",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("unit", sa.String(length=8), nullable=False),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", "unit", "provider", "direction", name=op.f("pk_capacities")),
    )
    op.add_column("ports", sa.Column("binding_refusal", sa.String(length=255), nullable=False, server_default=""))
    with op.batch_alter_table("ports") as ports:
        ports.alter_column("binding_refusal", existing_type=sa.String(length=255), existing_nullable=False,
                           server_default=None)  # fmt: skip


def downgrade() -> None:
    with op.batch_alter_table("ports") as ports:
        ports.drop_column("binding_refusal")
    op.drop_table("capacities")
