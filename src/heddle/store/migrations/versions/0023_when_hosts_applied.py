"""When changes were committed, and when each host had applied them"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    _add("changes", "committed_at", sa.BigInteger(), "0")
    _add("hosts", "latencies", sa.Text(), "[]")
    op.create_index("ix_changes_id", "changes", ["id"])
    op.create_table(
        "host_revisions",
        sa.Column("host", sa.String(length=255), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("applied_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("host", "revision", name=op.f("pk_host_revisions")),
    )


def _add(table: str, name: str, kind: sa.BigInteger | sa.Text, value: str) -> None:
    """A column that no row may lack; those that are there get the value.  MariaDB has no default of a text."""
    op.add_column(table, sa.Column(name, kind, nullable=True))
    op.execute(sa.table(table, sa.column(name)).update().values({name: int(value) if value.isdigit() else value}))
    with op.batch_alter_table(table) as batch:
        batch.alter_column(name, existing_type=kind, nullable=False)


def downgrade() -> None:
    op.drop_table("host_revisions")
    op.drop_index("ix_changes_id", "changes")
    for table, name in (("changes", "committed_at"), ("hosts", "latencies")):
        with op.batch_alter_table(table) as batch:
            batch.drop_column(name)
