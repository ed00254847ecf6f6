"""What checks ask a database: whether it answers, what its schema is, how full its tables are, who holds it up.

Everything here reads, and works on a database whose schema is not the one of this program, or not Heddle's at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from heddle.errors import HeddleError
from heddle.store import migrate
from heddle.store.admin import shown
from heddle.store.dialect import reason_of, with_driver
from heddle.store.engine import FAILURES, Store, Tx

_SQLITE = "sqlite:///"
CONNECTIONS = 4


def connect(url: str, patience: int, name: str = "") -> Store:
    """The database, which has answered within `patience` seconds; later answers may take longer.  `name`: for errors.

    Raises `HeddleError` with the reason; no file is made where there is none.
    """
    if (file := file_of(url)) and not file.exists():
        raise HeddleError(f"there is no database at {file} yet: `heddle up` makes it")
    store = Store(url if file else hasty(url, patience), CONNECTIONS)
    try:
        with store.engine.connect() as conn:
            conn.exec_driver_sql("SELECT count(*) FROM sqlite_master" if store.sqlite else "SELECT 1").scalar()
    except FAILURES as error:
        store.close()
        raise HeddleError(f"{name or shown(url)} cannot be used: {reason_of(error)}") from error
    return store


def hasty(url: str, patience: int, longest: int = 0) -> str:
    """The URL, with what tells the driver not to wait for longer; `longest`: how long for the end of a statement."""
    parsed = with_driver(url)
    limits = {"connect_timeout": str(patience)}
    if parsed.get_backend_name() == "postgresql":
        own = parsed.query.get("options", "")
        given = own if isinstance(own, str) else " ".join(own)
        limits["options"] = f"{given} -c statement_timeout={1000 * (longest or 2 * patience)}".lstrip()
    else:
        limits["read_timeout"] = str(longest or patience + 1)
    return parsed.update_query_dict(limits).render_as_string(hide_password=False)


def file_of(url: str) -> Path | None:
    """The file of SQLite's database, None with another engine."""
    return Path(url.removeprefix(_SQLITE)) if url.startswith(_SQLITE) else None


@contextmanager
def reading(store: Store, url: str) -> Iterator[Tx]:
    """A snapshot.  Raises `HeddleError` with the reason when the database gives up meanwhile."""
    try:
        with store.engine.connect() as conn:
            if store.sqlite:
                conn.exec_driver_sql("BEGIN")
            yield Tx(conn)
            conn.rollback()
    except FAILURES as error:
        raise HeddleError(f"{shown(url)} does not say: {reason_of(error)}") from error


def revision(tx: Tx) -> str | None:
    """The revision of the schema, None where none is noted."""
    if not sa.inspect(tx.conn).has_table("alembic_version"):
        return None
    found = tx.conn.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)


def is_current(tx: Tx) -> bool:
    """Whether the schema is one that this program works with."""
    return migrate.fits(tx.conn, revision(tx))
