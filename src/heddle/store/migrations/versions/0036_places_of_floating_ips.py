"""On which host each floating IP is translated, if that is not its router's

It is "" until the place is looked at anew, at the latest when the host's agent is started again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    with op.batch_alter_table("floatingips") as batch_op:
        batch_op.add_column(sa.Column("host", sa.String(length=255), nullable=True))
    op.execute(sa.update(sa.table("floatingips", sa.column("host"))).values(host=""))
    with op.batch_alter_table("floatingips") as batch_op:
        batch_op.alter_column("host", existing_type=sa.String(length=255), nullable=False)
        batch_op.create_index("ix_floatingips_host", ["host"])


def downgrade() -> None:
    with op.batch_alter_table("floatingips") as batch_op:
        batch_op.drop_index("ix_floatingips_host")
        batch_op.drop_column("host")
