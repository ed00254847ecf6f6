"""Servers of older versions go on making networks

They know neither of private VLANs nor of subnets that do not meet: what they make is no such network.
"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"

SWITCHES = ("pvlan", "subnet_isolation")


def upgrade() -> None:
    _set_default(sa.text("false" if op.get_bind().dialect.name == "postgresql" else "0"))


def downgrade() -> None:
    _set_default(None)


def _set_default(value: sa.TextClause | None) -> None:
    with op.batch_alter_table("networks") as batch_op:
        for name in SWITCHES:
            batch_op.alter_column(name, existing_type=sa.Boolean(), existing_nullable=False, server_default=value)
