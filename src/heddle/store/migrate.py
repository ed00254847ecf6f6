"""The schema: brought up to date by the migrations in `migrations/`, each tried up and down.

Servers of one release and of the next work on the same database while they are exchanged, so there are migrations of
two kinds.  One that *expands* only adds: whoever does not know what came goes on as before.  One that *contracts*
(`phase = "contract"` in its file) takes away what nobody of this release reads any more, and comes after all that
expand.  `upgrade` runs what this program needs, up to `EXPANDED`, and never takes away what servers of the release
before read; `contract` runs the rest, when the last of them has ended.  What an earlier release has left to contract
is run on the way: nobody older is there by then.

The database notes the oldest program that it serves, as a revision that this must know ("floor").  So a program
starts on a database that a newer one has expanded, and refuses one that was contracted beyond it, rather than touch it.
The tool that runs migrations is loaded only when there is something to run, because loading it takes longer than all
else that a server does when it starts.
"""

from __future__ import annotations

import logging
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
    from alembic.script import Script

log = logging.getLogger(__name__)

HEAD = "0037"
EXPANDED = "0037"  # up to here they add, and what follows contracts
_FLOOR = "schema_floor"  # its name among the counters
_FIRST_FLOOR = "0037"  # older programs do not ask for it
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
        return found(conn)


def found(conn: sa.Connection) -> str | None:
    """The same, by a connection that is there."""
    if not sa.inspect(conn).has_table("alembic_version"):
        return None
    revision = conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
    return None if revision is None else str(revision)


def revisions() -> set[str]:
    """All that this program knows."""
    return {script.revision for script in _scripts()}


def _scripts() -> list[Script]:
    """From the first to the last."""
    from alembic.script import ScriptDirectory

    return list(ScriptDirectory.from_config(config()).walk_revisions())[::-1]


def steps() -> list[tuple[str, str]]:
    """The migrations from the first to the last, each with its kind: "expand" or "contract"."""
    return [(script.revision, _phase(script)) for script in _scripts()]


def _phase(script: Script) -> str:
    return str(getattr(script.module, "phase", "expand"))


def floor(conn: sa.Connection) -> str:
    """The oldest revision whose programs the database serves, "" where it does not say."""
    if not sa.inspect(conn).has_table("counters"):
        return ""
    value = conn.execute(sa.text("SELECT value FROM counters WHERE name = :name"), {"name": _FLOOR}).scalar()
    return "" if value is None else f"{value:04}"


def fits(conn: sa.Connection, revision: str | None) -> bool:
    """Whether this program can work on a database at this revision, also one that a newer program has expanded."""
    if revision is None or revision < EXPANDED:
        return False
    return revision <= HEAD or "" < floor(conn) <= EXPANDED


def upgrade(store: Store, target: str = "") -> None:
    """Run the migrations that are missing, up to what this program needs or to `target`; of several servers that start
    at once one does, and the others wait.

    Raises `ConfigError` for a database that is newer and does not serve this program, `Unavailable`.
    """
    target = target or EXPANDED
    with translated(), store.engine.connect() as conn:
        before = found(conn)
        fitting = fits(conn, before)
    if before is not None and fitting and (target == EXPANDED or before >= target):
        if before > HEAD:
            log.warning("a newer version has expanded the database revision=%s known=%s", before, HEAD)
        return
    from alembic import command

    with store.engine.connect() as conn, _alone(conn):
        before = _known(found(conn))
        if before is None and is_mysql(store.engine.dialect.name):
            conn.execute(sa.text(_EXACT))
        if before is not None and before >= _FIRST_FLOOR:
            _note_floor(conn, max(before, target))  # where one migration fails, MariaDB keeps those before it
        command.upgrade(config(conn), target)
        _note_floor(conn, found(conn) or "")
        conn.commit()  # before MariaDB's lock goes to the next, who is to see the revision


def _known(revision: str | None) -> str | None:
    """The same.  Raises `ConfigError` for one that a newer program made."""
    if revision is not None and revision not in revisions():
        raise ConfigError(
            f"the database is at revision {revision}, which this version of Heddle does not know: it was made by a "
            "newer version. Start that version, or restore a backup made before the upgrade."
        )
    return revision


def contract(store: Store) -> None:
    """Run all migrations, also those that take away what servers of the release before read.  Raises like `upgrade`."""
    upgrade(store, HEAD)


def _note_floor(conn: sa.Connection, now: str) -> None:
    """For a database at revision `now`: who does not know the last expansion before the newest contraction reads what
    is gone."""
    oldest, expansion = _FIRST_FLOOR, ""
    for script in _scripts():
        contracts = _phase(script) == "contract"
        oldest = expansion if contracts and script.revision <= now else oldest
        expansion = expansion if contracts else script.revision
    if now >= _FIRST_FLOOR:
        conn.execute(sa.text("DELETE FROM counters WHERE name = :name"), {"name": _FLOOR})
        row = {"name": _FLOOR, "value": int(oldest)}
        conn.execute(sa.text("INSERT INTO counters (name, value) VALUES (:name, :value)"), row)


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
