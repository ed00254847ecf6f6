"""How the migration tool reaches the database: by the connection that `migrate.py` hands it."""

from alembic import context

from heddle.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
