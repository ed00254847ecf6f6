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

    Not the columns of an UPDATE: whether the time of the change is among them depends on the second that it is.
    """
    seen: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        rows = len(parameters) if many else 1
        seen.append(f"{rows} {' '.join(statement.split()).partition(' SET ')[0][:60]}")

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)
