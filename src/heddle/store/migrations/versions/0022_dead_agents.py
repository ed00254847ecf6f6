"""Agents that are dead, and who looks for them"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("alive", sa.Boolean(), nullable=True))
    op.execute(sa.update(sa.table("agents", sa.column("alive"))).values(alive=sa.true()))
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.alter_column("alive", existing_type=sa.Boolean(), nullable=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def downgrade() -> None:
    op.drop_table("leases")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_column("alive")
