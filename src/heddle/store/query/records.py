"""Reading and writing the objects of one resource.

`Records` knows the table of a resource, how to turn a row into an object and back, how to say a condition or a
filter in SQL, and, where a resource keeps parts of itself in other tables, how to load those of many objects at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from heddle.errors import BadRequest
from heddle.model.access import Access
from heddle.model.predicate import ALWAYS, All, Always, Condition, Eq, Granted, In, Never, Not, Prefix
from heddle.model.predicate import Any as AnyOf
from heddle.model.resource import Resource, fields_of
from heddle.store.dialect import is_mysql
from heddle.store.engine import Tx
from heddle.store.one_of import one_of
from heddle.store.parts import Part
from heddle.store.prepared import Prepared, Processors, Rows, processed, result_processors
from heddle.store.query import grants

R = TypeVar("R", bound=Resource)
Clause = sa.ColumnElement[bool]
_STATEMENTS = 500
_ROWS = msgspec.json.Decoder(list[list[Any]])


@dataclass(frozen=True, slots=True)
class Parent:
    """How a field of another table is reached: `column` of this table is the id in `table`."""

    column: str
    table: sa.Table


@dataclass(frozen=True, slots=True)
class Beside:
    """What another table tells of the object whose id is in `column`; `note(tx, id, what was found)` keeps it."""

    column: str
    part: Part
    note: Callable[[Tx, str, list[Any]], None]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, in which order: `sorts` as (field, ascending).

    `marker` is the last object of the page before; `backward` asks for the page before the marker.
    """

    sorts: tuple[tuple[str, bool], ...] = ()
    limit: int = 0
    marker: Resource | None = None
    backward: bool = False


WHOLE = Page()


@dataclass(frozen=True)
class Records(Generic[R]):
    """`parts` are what other tables keep, as lists of rows; `load` fills in the rest of that; `filters` say filters in
    SQL that are not a plain column.  `beside` is read with an object that is got by its id, and noted for later.

    `sort_as` names the column whose order a field that has no column follows.  `granted` are the fields that RBAC
    entries tell: they are selected with the columns, as the project sees them for which the transaction reads.
    """

    model: type[R]
    table: sa.Table
    load: Callable[[Tx, Sequence[R]], None] | None = None
    parts: tuple[Part, ...] = ()
    beside: Beside | None = None
    parents: Mapping[str, Parent] = field(default_factory=dict)
    filters: Mapping[str, Callable[[Sequence[Any]], Clause]] = field(default_factory=dict)
    sort_as: Mapping[str, str] = field(default_factory=dict)

    names: list[str] = field(init=False)
    granted: Mapping[str, Access] = field(init=False)
    selected: list[str] = field(init=False)
    _indexed: frozenset[str] = field(init=False)
    select: sa.Select[Any] = field(init=False)
    in_json: tuple[sa.ColumnElement[Any], ...] = field(init=False)
    insert_statement: sa.Insert = field(init=False)
    statements: dict[tuple[Condition, bool, bool, bool], Prepared] = field(init=False, default_factory=dict)
    processors: dict[str, Processors] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        names = [name for name, info in fields_of(self.model).items() if info.stored]
        granted = {name: info.access for name, info in fields_of(self.model).items() if info.access is not None}
        flags = [grants.flag(access, self.table.c.id).label(name) for name, access in granted.items()]
        indexed = frozenset(name for name, info in fields_of(self.model).items() if info.indexed)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "_indexed", indexed - {"project_id"})
        object.__setattr__(self, "granted", granted)
        object.__setattr__(self, "selected", [*names, *granted])
        object.__setattr__(self, "select", sa.select(*[self.table.c[name] for name in names], *flags))
        own = ", ".join(f"`{self.table.name}`.`{name}`" for name in names)
        object.__setattr__(self, "in_json", (sa.literal_column(f"JSON_ARRAY({own})"), *flags))
        object.__setattr__(self, "insert_statement", sa.insert(self.table))

    # Reading

    def get(self, tx: Tx, id: str, where: Condition = ALWAYS, *, bare: bool = False, hold: bool = False) -> R | None:
        """The object with this id, if it meets the condition.

        `bare`: without what other tables keep; `hold`: nobody deletes it or locks it until the transaction ends.
        """
        in_json = is_mysql(tx.conn.dialect.name)
        statement = self._by_id((where, hold and not tx.alone, bare, in_json))
        rows = statement.rows(tx.conn, {"wanted": id, "viewer": tx.viewer})
        if not rows:
            return None
        row = rows[0]
        if in_json:
            own = len(self.in_json)
            row = (*self._from_json(tx, [row[:own]])[0], *row[own:])
        found = self.model(**dict(zip(self.selected, row)))  # noqa: B905
        if bare:
            return found
        values = row[len(self.selected) :]
        for part, value in zip(self.parts, values):  # noqa: B905
            setattr(found, part.name, part.read(value))
        if self.beside:
            self.beside.note(tx, getattr(found, self.beside.column), self.beside.part.read(values[-1]))
        if self.load:
            self.load(tx, [found])
        return found

    def _by_id(self, kind: tuple[Condition, bool, bool, bool]) -> Prepared:
        """The statement that gets an object by its id, made once for each kind: the condition, whether it holds the
        object, is bare, and has the columns in JSON.  Its parts come last."""
        statement = self.statements.get(kind)
        if statement is None:
            if len(self.statements) > _STATEMENTS:
                self.statements.clear()
            where, hold, bare, in_json = kind
            select = self.select
            if in_json:
                select = select.with_only_columns(*self.in_json, maintain_column_froms=True)
            select = select.where(self.table.c.id == sa.bindparam("wanted"), self.clause(where))
            if not bare:
                select = select.add_columns(*(part.of(self.table.c.id) for part in self.parts))
                beside = self.beside
                select = select.add_columns(beside.part.of(self.table.c[beside.column])) if beside else select
            if hold:
                select = select.with_for_update(read=True, key_share=True, of=self.table)
            statement = self.statements[kind] = Prepared(select)
        return statement

    def get_many(self, tx: Tx, ids: Iterable[str]) -> dict[str, R]:
        """Those of the ids that exist, by id."""
        wanted = list(dict.fromkeys(ids))
        return {item.id: item for item in self.find(tx, one_of(self.table.c.id, wanted))} if wanted else {}

    def find(self, tx: Tx, *clauses: Clause, query: sa.Select[Any] | None = None) -> list[R]:
        """The objects that meet SQL conditions (for the modules beside this one)."""
        select = self.select if query is None else query
        return self.fetch(tx, select.where(*clauses) if clauses else select)

    def fetch(self, tx: Tx, select: sa.Select[Any], values: Mapping[str, Any] | None = None) -> list[R]:
        """The objects that a statement over `self.select` finds."""
        names, model = self.selected, self.model
        in_json = is_mysql(tx.conn.dialect.name)
        rows = self._rows_in_json(tx, select, values) if in_json else self._rows(tx, select, self.select, values)
        found = [model(**dict(zip(names, row))) for row in rows]  # noqa: B905
        for part in self.parts if found else ():
            part.load(tx.conn, found)
        if self.load and found:
            self.load(tx, found)
        return found

    @staticmethod
    def _rows(tx: Tx, select: sa.Select[Any], columns: sa.Select[Any], values: Mapping[str, Any] | None = None) -> Rows:
        """The driver's own rows, which a result of SQLAlchemy would wrap one by one; `columns` tells their types."""
        result = tx.conn.execute(select, {"viewer": tx.viewer, **(values or {})})
        try:
            return processed(result.cursor.fetchall(), result_processors(columns, tx.conn.dialect))
        finally:
            result.close()

    def _rows_in_json(self, tx: Tx, select: sa.Select[Any], values: Mapping[str, Any] | None = None) -> Rows:
        """The same, each row as one text: MariaDB's driver takes each column out in Python, which all that is read
        feels, a single object too."""
        one = select.with_only_columns(*self.in_json, maintain_column_froms=True)
        result = tx.conn.execute(one, {"viewer": tx.viewer, **(values or {})})
        try:
            return self._from_json(tx, result.cursor.fetchall())
        finally:
            result.close()

    def _from_json(self, tx: Tx, found: Rows) -> Rows:
        """Rows of the `selected` values, of rows as `in_json` selects them."""
        rows = _ROWS.decode("[" + ",".join(row[0] for row in found) + "]")
        if self.granted:
            rows = [[*row, *flags] for row, (_, *flags) in zip(rows, found, strict=True)]
        processors = self.processors.get(name := tx.conn.dialect.name)
        if processors is None:
            processors = self.processors[name] = result_processors(self.select, tx.conn.dialect)
        return processed(rows, processors)

    def search(
        self,
        tx: Tx,
        where: Condition = ALWAYS,
        filters: Mapping[str, Sequence[Any]] | None = None,
        page: Page = WHOLE,
    ) -> list[R]:
        """The objects that meet the condition and all filters (each: any of its values)."""
        found = self.fetch(tx, self._listed(self.select, where, filters or {}, page))
        return found[::-1] if page.backward else found

    def search_columns(
        self, tx: Tx, names: Sequence[str], where: Condition, filters: Mapping[str, Sequence[Any]], page: Page = WHOLE
    ) -> Rows:
        """Like `search`, but rows of some of the `selected` fields only, and nothing that other tables keep."""
        columns = list(self.select.selected_columns)
        select = sa.select(*(columns[self.selected.index(name)] for name in names))
        found = self._rows(tx, self._listed(select, where, filters, page), select)
        return found[::-1] if page.backward else found

    def _listed(
        self, select: sa.Select[Any], where: Condition, filters: Mapping[str, Sequence[Any]], page: Page
    ) -> sa.Select[Any]:
        narrow = any(name in self.filters or name == "id" or name in self._indexed for name in filters)
        seen = self.clause(where) if narrow else self._found(where)
        clauses = [seen, *(self.filter_clause(name, values) for name, values in filters.items())]
        sorts = [(self.sort_as.get(name, name), up) for name, up in page.sorts]
        sorts += [] if any(name == "id" for name, _ in sorts) else [("id", True)]
        if page.backward:
            sorts = [(name, not ascending) for name, ascending in sorts]
        if page.marker is not None:
            clauses.append(self._after(page.marker, sorts))
        query = select.where(*clauses)
        if page.sorts or page.limit or page.marker is not None:
            query = query.order_by(*(c.asc() if up else c.desc() for c, up in self._order(sorts)))
        if page.limit:
            query = query.limit(page.limit)
        return query

    def count(self, tx: Tx, where: Condition = ALWAYS) -> int:
        return int(
            tx.conn.execute(sa.select(sa.func.count()).select_from(self.table).where(self.clause(where))).scalar_one()
        )

    # Writing

    def insert(self, tx: Tx, items: Sequence[R]) -> None:
        names = self.names
        if items:
            tx.conn.execute(self.insert_statement, [{name: getattr(item, name) for name in names} for item in items])

    def update(self, tx: Tx, old: R, new: R) -> bool:
        """Write the columns in which `new` differs.  Returns whether there were any."""
        names = self.names
        values = {name: getattr(new, name) for name in names if getattr(new, name) != getattr(old, name)}
        if values:
            tx.conn.execute(sa.update(self.table).where(self.table.c.id == old.id).values(**values))
        return bool(values)

    def delete(self, tx: Tx, id: str) -> bool:
        """Returns whether there was one."""
        return tx.conn.execute(sa.delete(self.table).where(self.table.c.id == id)).rowcount > 0

    def lock(self, tx: Tx, id: str) -> R | None:
        """Like `get`, and no other transaction changes the object until this one ends."""
        query = self.select
        found = self.find(tx, self.table.c.id == id, query=query.with_for_update())
        return found[0] if found else None

    # Conditions as SQL

    def clause(self, condition: Condition) -> Clause:
        match condition:
            case Always():
                return sa.true()
            case Never():
                return sa.false()
            case Eq(name, value):
                return self._field_clause(name, (value,))
            case In(name, values):
                return self._field_clause(name, values)
            case Prefix(name, prefix):
                return sa.func.substr(self.table.c[name], 1, len(prefix)) == prefix
            case Granted(name, object_type, action, targets):
                return self._id_column(name).in_(grants.ids(object_type, action, list(map(sa.literal, targets))))
            case All(parts):
                return sa.and_(sa.true(), *(self.clause(part) for part in parts))
            case AnyOf(parts):
                return sa.or_(sa.false(), *(self.clause(part) for part in parts))
            case Not(part):
                return sa.not_(sa.func.coalesce(self.clause(part), sa.false()))

    def _found(self, condition: Condition) -> Clause:
        """The condition of a whole list: alternatives are looked up one by one, each by its index.

        PostgreSQL and MariaDB read the whole table for `project_id = … OR network_id IN (SELECT …)`.
        """
        match condition:
            case All(parts):
                return sa.and_(sa.true(), *map(self._found, parts))
            case AnyOf(parts) if len(parts) > 1 and all(isinstance(part, Eq | In | Granted) for part in parts):
                ids = [sa.select(self.table.c.id).where(self.clause(part)) for part in parts]
                return self.table.c.id.in_(sa.select(sa.union(*ids).subquery("seen").c.id))
            case _:
                return self.clause(condition)

    def _field_clause(self, name: str, values: Sequence[object]) -> Clause:
        parent_name, dot, inner = name.partition(".")
        if name in self.granted:
            return grants.among(self.granted[name], self.table.c.id, values)
        if not dot:
            return equals(self.table.c[name], values)
        parent = self.parents[parent_name]
        ids = sa.select(parent.table.c.id).where(equals(parent.table.c[inner], values))
        return self.table.c[parent.column].in_(ids)

    def _id_column(self, name: str) -> sa.Column[Any]:
        """The column with the id of the object whose field it is: of this one, or of a parent."""
        parent_name, dot, _ = name.partition(".")
        return self.table.c[self.parents[parent_name].column if dot else "id"]

    def filter_clause(self, name: str, values: Sequence[Any]) -> Clause:
        if name in self.filters:
            return self.filters[name](values)
        if "." in name or name in self.table.c or name in self.granted:
            return self._field_clause(name, values)
        raise BadRequest("HTTPBadRequest", f"The filter '{name}' is not supported for {self.model.collection}")

    def _order(self, sorts: Sequence[tuple[str, bool]]) -> list[tuple[sa.ColumnElement[Any], bool]]:
        return [(self._place(name), up) for name, up in sorts]

    def _place(self, name: str) -> sa.ColumnElement[Any]:
        """What a field sorts by."""
        if name in self.granted:
            return sa.case((grants.flag(self.granted[name], self.table.c.id), 1), else_=0)
        column = self.table.c[name]
        if isinstance(column.type, sa.Boolean):
            return sa.case((column, 1), else_=0)
        return sa.func.coalesce(column, _lowest(column)) if column.nullable else column

    def _after(self, marker: Resource, sorts: Sequence[tuple[str, bool]]) -> Clause:
        """Objects that come after the marker in the order."""
        alternatives: list[Clause] = []
        equal: list[Clause] = []
        for (name, _), (column, up) in zip(sorts, self._order(sorts), strict=True):
            value = getattr(marker, name)
            if name in self.granted or isinstance(self.table.c[name].type, sa.Boolean):
                value = int(bool(value))
            elif value is None:
                value = _lowest(self.table.c[name])
            alternatives.append(sa.and_(*equal, column > value if up else column < value))
            equal.append(column == value)
        return sa.or_(*alternatives)


def _lowest(column: sa.Column[Any]) -> Any:
    return -1 if isinstance(column.type, sa.Integer) else ""


def equals(column: sa.Column[Any], values: Sequence[object]) -> Clause:
    nulls = None in values
    others = [value for value in values if value is not None]
    clauses: list[Clause] = [column.is_(None)] if nulls else []
    if len(others) == 1:
        clauses.append(column == others[0])
    elif others:
        clauses.append(column.in_(others))
    return sa.or_(*clauses) if clauses else sa.false()
