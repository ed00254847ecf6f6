"""On which host each floating IP is translated, if that is not its router's

It is "" until the place is looked at anew, at the latest when the host's agent is started again.  Servers of older
versions go on meanwhile, and know neither of this column nor of two that came before: those are "" in what they make.
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"

EARLIER = (("hosts", "availability_zone"), ("ports", "binding_refusal"))


def upgrade() -> None:
    with op.batch_alter_table("floatingips") as batch_op:
        batch_op.add_column(sa.Column("host", sa.String(length=255), nullable=False, server_default=""))
        batch_op.create_index("ix_floatingips_host", ["host"])
    _set_default("")


def downgrade() -> None:
    _set_default(None)
    with op.batch_alter_table("floatingips") as batch_op:
        batch_op.drop_index("ix_floatingips_host")
        batch_op.drop_column("host")


def _set_default(value: str | None) -> None:
    for table, column in EARLIER:
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column(column, existing_type=sa.String(length=255), existing_nullable=False,
                                  server_default=value)  # fmt: skip
