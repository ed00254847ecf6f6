"""Selects whose SQL is made once, for what every request does.

Making a statement's SQL, its parameters and its rows anew costs several times what SQLite needs to answer it, and
about what a round trip to another engine costs.  A `Prepared` keeps the SQL and hands it to the driver's cursor; the
values pass through the column types and errors become SQLAlchemy's, as they do everywhere.  Who listens for statements
hears of them, but on SQLite, whose driver can tell by itself.
`Among` is a select of the rows whose key is one of some ids, as many as there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa

from heddle.store.dialect import is_mysql
from heddle.store.one_of import one_of
from heddle.store.tables.kit import JsonText

Rows = Sequence[Sequence[Any]]
Process = Callable[[Any], Any] | None
Processors = Sequence[tuple[int, Callable[[Sequence[Any]], list[Any]]]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """The SQL, the names of its parameters in order, the values that are fixed, and what turns values round.

    `positional`: the driver takes the parameters as a sequence, not by name.
    """

    sql: str
    names: tuple[str, ...]
    positional: bool
    fixed: Mapping[str, Any]
    binds: Mapping[str, Callable[[Any], Any]]
    results: Processors

    def parameters(self, given: Mapping[str, Any]) -> list[Any] | dict[str, Any]:
        binds = self.binds
        values = [
            binds[name](value) if name in binds else value
            for name in self.names
            for value in (given[name] if name in given else self.fixed[name],)
        ]
        return values if self.positional else dict(zip(self.names, values, strict=True))


class Prepared:
    """`statement` may name values with `sa.bindparam`."""

    def __init__(self, statement: sa.Select[Any]) -> None:
        self.statement = statement
        self._plans: dict[str, _Plan] = {}

    def rows(self, conn: sa.Connection, values: Mapping[str, Any] | None = None) -> Rows:
        """All rows, as sequences of values in the order of the columns."""
        plan = self._plans.get(conn.dialect.name)
        if plan is None:
            plan = self._plans[conn.dialect.name] = _make_plan(self.statement, conn.dialect)
        parameters = plan.parameters(values or {})
        cursor = conn.connection.cursor()
        try:
            if conn.dialect.name != "sqlite":
                for hear in conn.dispatch.before_cursor_execute:
                    hear(conn, cursor, plan.sql, parameters, None, False)
            cursor.execute(plan.sql, parameters)
            return processed(cursor.fetchall(), plan.results)
        except _dbapi(conn).Error as error:
            raise _translated(conn, cursor.connection, cursor, plan.sql, error) from error
        finally:
            cursor.close()


def _make_plan(statement: sa.Select[Any], dialect: sa.Dialect) -> _Plan:
    compiled: Any = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return _Plan(
        str(compiled),
        tuple(compiled.positiontup if compiled.positional else compiled.params),
        compiled.positional,
        dict(compiled.params),
        dict(compiled._bind_processors),
        result_processors(statement, dialect),
    )


def _dbapi(conn: sa.Connection) -> Any:
    return conn.dialect.loaded_dbapi


def commit(conn: sa.Connection) -> None:
    """Commit as the driver does it, past SQLAlchemy, which would roll back; errors are raised as SQLAlchemy's."""
    link = conn.connection
    try:
        link.commit()
    except _dbapi(conn).Error as error:
        raise _translated(conn, link.dbapi_connection, None, "COMMIT", error) from error


def _translated(conn: sa.Connection, link: Any, cursor: Any, sql: str, error: Any) -> BaseException:
    """The error as SQLAlchemy raises it; a lost connection leaves the pool."""
    lost = conn.dialect.is_disconnect(error, link, cursor)
    if lost:
        conn.invalidate(error)
    made: BaseException = sa.exc.DBAPIError.instance(
        sql, None, error, _dbapi(conn).Error, hide_parameters=True, connection_invalidated=lost, dialect=conn.dialect
    )
    return made


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

    def rows(self, conn: sa.Connection, ids: Iterable[str], values: Mapping[str, Any] | None = None) -> Rows:
        """`values`: those that the other conditions name."""
        wanted, more = list(ids), dict(values or {})
        if len(wanted) == 1:
            return self._one.rows(conn, {**more, "id": wanted[0]})
        if 1 < len(wanted) <= _FEW and is_mysql(conn.dialect.name):
            size = 1 << (len(wanted) - 1).bit_length()
            wanted += wanted[-1:] * (size - len(wanted))
            return self._named[size].rows(conn, more | {f"id{number}": id for number, id in enumerate(wanted)})
        return self._several.rows(conn, {**more, "ids": wanted}) if wanted else ()
