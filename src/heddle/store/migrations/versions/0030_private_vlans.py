"""Private VLANs, and subnets that do not meet"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

SWITCHES = ("pvlan", "subnet_isolation")


def upgrade() -> None:
    with op.batch_alter_table("networks", schema=None) as batch_op:
        for name in SWITCHES:
            batch_op.add_column(sa.Column(name, sa.Boolean(), nullable=True))
    op.execute(sa.update(sa.table("networks", *map(sa.column, SWITCHES))).values(dict.fromkeys(SWITCHES, sa.false())))
    with op.batch_alter_table("networks", schema=None) as batch_op:
        for name in SWITCHES:
            batch_op.alter_column(name, existing_type=sa.Boolean(), nullable=False)
    with op.batch_alter_table("ports", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pvlan_type", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("pvlan_community", sa.String(length=232), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("ports", schema=None) as batch_op:
        batch_op.drop_column("pvlan_community")
        batch_op.drop_column("pvlan_type")
    with op.batch_alter_table("networks", schema=None) as batch_op:
        for name in reversed(SWITCHES):
            batch_op.drop_column(name)
