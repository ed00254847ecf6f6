"""The availability zones that networks and routers ask for"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

TABLES = ("networks", "routers")


def upgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(sa.Column("availability_zone_hints", sa.Text(), nullable=True))
        table = sa.table(name, sa.column("availability_zone_hints"))
        op.execute(sa.update(table).values(availability_zone_hints="[]"))
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.alter_column("availability_zone_hints", existing_type=sa.Text(), nullable=False)


def downgrade() -> None:
    for name in TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.drop_column("availability_zone_hints")
