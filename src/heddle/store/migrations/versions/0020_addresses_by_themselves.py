"""An address is found whatever its subnet"""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.create_index(op.f("ix_ip_allocations_ip_address"), "ip_allocations", ["ip_address"])


def downgrade() -> None:
    op.drop_index(op.f("ix_ip_allocations_ip_address"), "ip_allocations")
