"""The schema: brought up to date by the migrations in `migrations/`, each tried up and down.

`upgrade` runs what is missing; a database newer than this program is refused rather than touched.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from heddle.errors import ConfigError
from heddle.store.engine import Store

_FOLDER = Path(__file__).parent / "migrations"


def config(conn: sa.Connection | None = None) -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER))
    settings.attributes["connection"] = conn
    return settings


def head() -> str:
    """The revision that this program expects."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    assert found is not None
    return found


def current(store: Store) -> str | None:
    """The revision of the database, None when it is empty."""
    with store.engine.connect() as conn:
        return MigrationContext.configure(conn).get_current_revision()


def upgrade(store: Store, target: str = "head") -> None:
    """Run the migrations that are missing.  Raises `ConfigError` for a database that is newer."""
    found = current(store)
    known = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    if found is not None and found not in known:
        raise ConfigError(
            f"the database is at revision {found}, which this version of Heddle does not know: it was made by a "
            "newer version. Start that version, or restore a backup made before the upgrade."
        )
    with store.engine.begin() as conn:
        command.upgrade(config(conn), target)


def downgrade(store: Store, target: str) -> None:
    with store.engine.begin() as conn:
        command.downgrade(config(conn), target)
