"""A scope holds the longest name that a host can have"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def _resize(old: int, new: int) -> None:
    with op.batch_alter_table("changes", schema=None) as batch_op:
        batch_op.alter_column(
            "scope",
            existing_type=sa.String(length=old),
            type_=sa.String(length=new),
            existing_nullable=False,
        )


def upgrade() -> None:
    _resize(128, 300)


def downgrade() -> None:
    _resize(300, 128)
