"""What a request costs: the statements that it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from heddle.store.engine import Store


@contextmanager
def counted(store: Store) -> Iterator[list[str]]:
    """The statements that run meanwhile, with the number of rows that each writes.

    Not the columns of an UPDATE: whether the time of the change is among them depends on the second that it is.  On
    SQLite the driver tells of the SELECTs, for those whose SQL is kept do not pass through SQLAlchemy's cursor; what
    begins and ends a transaction is no statement there, as it is none elsewhere.
    """
    seen: list[str] = []
    watched: list[Any] = []

    def tell(statement: str, rows: int = 1) -> None:
        seen.append(f"{rows} {' '.join(statement.split()).partition(' SET ')[0][:60]}")

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        if not statement.startswith(("SELECT", "BEGIN") if store.sqlite else "SET TRANSACTION"):
            tell(statement, len(parameters) if many else 1)

    def trace(statement: str) -> None:
        if statement.startswith("SELECT"):
            tell(statement)

    def watch(connection: Any, record: Any, proxy: Any) -> None:
        if store.sqlite:
            connection.set_trace_callback(trace)
            watched.append(connection)

    sa.event.listen(store.engine, "before_cursor_execute", note)
    sa.event.listen(store.engine, "checkout", watch)
    try:
        yield seen
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)
        sa.event.remove(store.engine, "checkout", watch)
        for connection in watched:
            connection.set_trace_callback(None)
