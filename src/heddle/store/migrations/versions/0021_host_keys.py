"""The secrets of hosts"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.create_table(
        "host_keys",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("host", name=op.f("pk_host_keys")),
    )


def downgrade() -> None:
    op.drop_table("host_keys")
