"""The availability zone of each host, which its guests are told

It is "" until the host reports.
"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.add_column(sa.Column("availability_zone", sa.String(length=255), nullable=True))
    op.execute(sa.update(sa.table("hosts", sa.column("availability_zone"))).values(availability_zone=""))
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.alter_column("availability_zone", existing_type=sa.String(length=255), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("hosts") as batch_op:
        batch_op.drop_column("availability_zone")
