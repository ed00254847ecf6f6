"""The schema: brought up to date by the migrations in `migrations/`, each tried up and down.

`upgrade` runs what is missing; a database newer than this program is refused rather than touched.  The tool that
runs migrations is loaded only when there is something to run, because loading it takes longer than all else that
a server does when it starts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from heddle.errors import ConfigError
from heddle.store.dialect import is_mysql
from heddle.store.engine import Store, translated

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0036"
# Text is compared as it is written, as on the other engines: not without regard to case, accents, spaces at the end.
_EXACT = "ALTER DATABASE CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"
_LOCK_KEY = 0x686564646C65  # the advisory lock of PostgreSQL, one for a database
_WAIT = 600  # seconds
_FOLDER = Path(__file__).parent / "migrations"


def config(conn: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER))
    settings.attributes["connection"] = conn
    return settings


def current(store: Store) -> str | None:
    """The revision of the database, None when it is empty.  Raises `Unavailable`."""
    with translated(), store.engine.connect() as conn:
        return _found(conn)


def _found(conn: sa.Connection) -> str | None:
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    found = conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if found is None else str(found)


def revisions() -> set[str]:
    """All that this program knows."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}


def upgrade(store: Store, target: str = "head") -> None:
    """Run the migrations that are missing; of several servers that start at once one does, and the others wait.

    Raises `ConfigError` for a database that is newer, `Unavailable`.
    """
    found = current(store)
    if found == HEAD and target in (HEAD, "head"):
        return
    from alembic import command

    if found is not None and found not in revisions():
        raise ConfigError(
            f"the database is at revision {found}, which this version of Heddle does not know: it was made by a "
            "newer version. Start that version, or restore a backup made before the upgrade."
        )
    with store.engine.connect() as conn, _alone(conn):
        if found is None and _found(conn) is None and is_mysql(store.engine.dialect.name):
            conn.execute(sa.text(_EXACT))
        command.upgrade(config(conn), target)
        conn.commit()  # before MariaDB's lock goes to the next, who is to see the revision


@contextmanager
def _alone(conn: sa.Connection) -> Iterator[None]:
    """Nobody else migrates this database meanwhile; whoever waited finds it migrated."""
    if conn.dialect.name == "sqlite":
        usual = conn.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
        conn.exec_driver_sql(f"PRAGMA busy_timeout={_WAIT * 1000}")
        conn.exec_driver_sql("BEGIN IMMEDIATE")
        conn.exec_driver_sql(f"PRAGMA busy_timeout={usual}")
    elif conn.dialect.name == "postgresql":
        conn.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    else:
        conn.execute(sa.text("SELECT GET_LOCK(CONCAT('heddle migrates ', MD5(DATABASE())), :wait)"), {"wait": _WAIT})
    try:
        yield
    finally:
        if is_mysql(conn.dialect.name):
            conn.execute(sa.text("SELECT RELEASE_LOCK(CONCAT('heddle migrates ', MD5(DATABASE())))"))


def downgrade(store: Store, target: str) -> None:
    from alembic import command

    with store.engine.begin() as conn:
        command.downgrade(config(conn), target)
