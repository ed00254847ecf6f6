"""Where the engines differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite


@cache
def _upsert(dialect: str, table: sa.Table, keys: tuple[str, ...]) -> Any:
    others = [column.name for column in table.columns if column.name not in keys]
    if dialect in ("mysql", "mariadb"):
        insert = mysql.insert(table)
        return insert.on_duplicate_key_update({name: insert.inserted[name] for name in others})
    insert_of = postgresql.insert if dialect == "postgresql" else sqlite.insert
    insert_into = insert_of(table)
    return insert_into.on_conflict_do_update(
        index_elements=list(keys), set_={name: insert_into.excluded[name] for name in others}
    )


def upsert(conn: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], keys: tuple[str, ...]) -> None:
    """Insert the rows, or overwrite those that have the same keys."""
    if rows:
        conn.execute(_upsert(conn.dialect.name, table, keys), list(rows))
