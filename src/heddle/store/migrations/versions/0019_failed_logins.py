"""Wrong guesses of secrets are counted for all servers"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    op.create_table(
        "failed_logins",
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_failed_logins")),
    )


def downgrade() -> None:
    op.drop_table("failed_logins")
