"""Rows of a database written into its copy on the same server, of as many tables as there is time for.

The server's own ways are the quick ones: PostgreSQL's COPY from the one connection to the other, MariaDB's INSERT …
SELECT from one database into the other.  Neither locks what is read.  A table is copied whole or not at all, and there
are no foreign keys: so the copy is fit to be migrated also where large tables are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from heddle.store.dialect import is_mysql
from heddle.store.engine import FAILURES

Left = Callable[[], float]
LEAST = 0.05  # seconds: for less it is not begun


class TimeIsOver(Exception):
    """In the middle of a table."""


def fill(source: sa.Connection, copy: sa.Engine, tables: Sequence[str], left: Left) -> list[str]:
    """`tables` in this order; `left`: the seconds that there are.  Returns the tables without their rows."""
    there = _columns(source)
    with copy.connect().execution_options(isolation_level="READ COMMITTED") as conn:
        same = {name: [column for column in columns if column in there.get(name, ())]
                for name, columns in _columns(conn).items()}  # fmt: skip
        conn.commit()
        filled = {name for name in tables if same.get(name) and _copied(source, conn, name, same[name], left)}
    return sorted(name for name, columns in same.items() if columns and name not in filled)


def _columns(conn: sa.Connection) -> dict[str, list[str]]:
    found = sa.inspect(conn).get_multi_columns()
    return {name: [column["name"] for column in columns] for (_, name), columns in found.items()}


def _copied(
    source: sa.Connection, target: sa.Connection, name: str, columns: list[str], left: Left
) -> bool:
    """Whether there was time for the table."""
    if left() < LEAST:
        return False
    copy = _by_insert if is_mysql(source.dialect.name) else _by_stream
    try:
        target.execute(sa.delete(sa.table(name)))
        copy(source, target, name, columns, left)
        target.commit()
    except (TimeIsOver, *FAILURES) as error:
        target.rollback()
        if left() > LEAST and not isinstance(error, TimeIsOver):
            raise
        return False
    return True


def _by_insert(source: sa.Connection, target: sa.Connection, name: str, columns: list[str], left: Left) -> None:
    quote = source.dialect.identifier_preparer.quote_identifier
    database = quote(source.engine.url.database or "")
    names, seconds = ", ".join(map(quote, columns)), max(LEAST, left())
    target.exec_driver_sql("SET foreign_key_checks = 0, unique_checks = 0")
    done = target.exec_driver_sql(
        f"SET STATEMENT max_statement_time = {seconds:.3f} FOR "
        f"INSERT INTO {quote(name)} ({names}) SELECT {names} FROM {database}.{quote(name)}"
    )
    # One whose time ends while the keys are written says that it went well, and leaves nothing.
    if done.rowcount and target.execute(sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1)).first() is None:
        raise TimeIsOver


def _by_stream(source: sa.Connection, target: sa.Connection, name: str, columns: list[str], left: Left) -> None:
    quote = source.dialect.identifier_preparer.quote_identifier
    what = f"{quote(name)} ({', '.join(map(quote, columns))})"
    reader, writer = _cursor(source), _cursor(target)
    with reader.copy(f"COPY {what} TO STDOUT") as out, writer.copy(f"COPY {what} FROM STDIN") as into:
        for block in out:
            if left() <= 0:
                raise TimeIsOver
            into.write(block)


def _cursor(conn: sa.Connection) -> Any:
    driver: Any = conn.connection.driver_connection
    return driver.cursor()
