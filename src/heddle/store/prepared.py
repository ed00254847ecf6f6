"""Selects whose SQL is made once, for what every request does.

Making a statement's SQL, its parameters and its rows anew costs several times what SQLite needs to answer it.  On
SQLite, where a statement is a function call and not a round trip, a `Prepared` keeps the SQL and hands it to
the driver's cursor; the values pass through the column types as they do everywhere.  On other engines it is an
ordinary statement.  `Among` is a select of the rows whose key is one of some ids, as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from heddle.store.one_of import one_of
from heddle.store.tables.kit import JsonText

Rows = Sequence[Sequence[Any]]
Process = Callable[[Any], Any] | None
Processors = Sequence[tuple[int, Callable[[Sequence[Any]], list[Any]]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The SQL, the names of its parameters in order, the values that are fixed, and what turns values round."""

    sql: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    binds: Mapping[str, Callable[[Any], Any]]
    results: Processors


class Prepared:
    """`statement` may name values with `sa.bindparam`."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement
        self._plan: _Plan | None = None

    def rows(self, conn: sa.Connection, values: Mapping[str, Any] | None = None) -> Rows:
        """All rows, as sequences of values in the order of the columns."""
        given = values or {}
        if conn.dialect.name != "sqlite":
            return conn.execute(self.statement, given).all()
        plan = self._plan
        if plan is None:
            plan = self._plan = _make_plan(self.statement, conn.dialect)
        binds = plan.binds
        parameters = [
            binds[name](value) if name in binds else value
            for name in plan.names
            for value in (given[name] if name in given else plan.fixed[name],)
        ]
        cursor = conn.connection.cursor()
        try:
            cursor.execute(plan.sql, parameters)
            return processed(cursor.fetchall(), plan.results)
        finally:
            cursor.close()


def _make_plan(statement: sa.Select[Any], dialect: sa.Dialect) -> _Plan:
    compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return _Plan(
        str(compiled),
        tuple(compiled.positiontup),
        dict(compiled.params),
        dict(compiled._bind_processors),
        result_processors(statement, dialect),
    )


def result_processors(statement: sa.Select[Any], dialect: sa.Dialect) -> Processors:
    """(position, function over all its values) of the columns whose values are not what the driver gives."""
    found: list[tuple[int, Callable[[Sequence[Any]], list[Any]]]] = []
    for position, column in enumerate(statement.selected_columns):
        if isinstance(column.type, JsonText):
            found.append((position, column.type.decoded))
            continue
        process: Process = column.type.dialect_impl(dialect).result_processor(dialect, None)
        if process is not None:
            found.append((position, partial(_each, process)))
    return tuple(found)


def _each(process: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    return list(map(process, values))


def processed(rows: Rows, processors: Processors) -> Rows:
    """The driver's rows with the values of the column types, worked out column by column."""
    if not processors or not rows:
        return rows
    columns: list[Any] = list(zip(*rows, strict=True))
    for position, process in processors:
        columns[position] = process(columns[position])
    return list(zip(*columns, strict=True))


# So many ids are named one by one to MariaDB, which guesses wrong how many a list of them has and reads whole tables.
_FEW = 128


class Among:
    """The `columns` of the rows where `key` is one of the ids, in the given order within each id at least."""

    def __init__(
        self, columns: Sequence[sa.ColumnElement[Any]], key: sa.ColumnElement[Any], *more: sa.ColumnElement[bool],
        order: Sequence[sa.ColumnElement[Any]] = (),
    ) -> None:  # fmt: skip
        base = sa.select(*columns).where(*more).order_by(*order)
        self._one = Prepared(base.where(key == sa.bindparam("id")))
        self._several = Prepared(base.where(one_of(key, "ids")))
        sizes = [1 << power for power in range(1, _FEW.bit_length())]
        self._named = {
            size: Prepared(base.where(key.in_([sa.bindparam(f"id{number}") for number in range(size)])))
            for size in sizes
        }

    def rows(self, conn: sa.Connection, ids: Iterable[str]) -> Rows:
        wanted = list(ids)
        if len(wanted) == 1:
            return self._one.rows(conn, {"id": wanted[0]})
        if 1 < len(wanted) <= _FEW and conn.dialect.name in ("mysql", "mariadb"):
            size = 1 << (len(wanted) - 1).bit_length()
            wanted += wanted[-1:] * (size - len(wanted))
            return self._named[size].rows(conn, {f"id{number}": id for number, id in enumerate(wanted)})
        return self._several.rows(conn, {"ids": wanted}) if wanted else ()
