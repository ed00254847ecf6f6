"""All that a database holds, for rules that look at it directly."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from heddle.store.tables import METADATA

Row = dict[str, Any]


class Contents:
    """All rows of all tables, read in one transaction."""

    def __init__(self, conn: sa.Connection) -> None:
        self.rows: dict[str, list[Row]] = {}
        for table in METADATA.sorted_tables:
            self.rows[table.name] = [dict(row) for row in conn.execute(sa.select(table)).mappings()]
        self.ids = {name: {row["id"] for row in rows} for name, rows in self.rows.items() if rows and "id" in rows[0]}

    def differences(self, other: Contents) -> list[str]:
        """The rows that only one of them has."""
        found = []
        for table in self.rows:
            mine, theirs = ({str(row) for row in each[table]} for each in (self, other))
            found += [f"{table} {row}" for row in sorted(mine ^ theirs)]
        return found

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]

    def has(self, table: str, id: str) -> bool:
        return id in self.ids.get(table, set())
