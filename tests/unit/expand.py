"""The law of migrations that expand: what a migration does to a schema that servers of the release before would notice.

They go on reading and writing while it runs and afterwards, and name only what they know.  So nothing that was there
may go, get another name or become narrower; nothing new may want a value from them or refuse what they write; and what
is in columns that they read stays as it is, for they would read something else than they wrote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from heddle.store.engine import Store

_UPDATE = re.compile(r"\s*UPDATE\s+[\"`]?(\w+)[\"`]?\s+SET\s+(.*?)(?:\s+WHERE\s|$)", re.IGNORECASE | re.DOTALL)
_SET = re.compile(r"(?:^|,)\s*[\"`]?(\w+)[\"`]?\s*=")
_DELETE = re.compile(r"\s*DELETE\s+FROM\s+[\"`]?(\w+)", re.IGNORECASE)
Column = dict[str, Any]
Schema = dict[str, "Table"]


class Table:
    """A table as the database tells of it."""

    def __init__(self, found: sa.Inspector, name: str) -> None:
        self.columns: dict[str, Column] = {each["name"]: dict(each) for each in found.get_columns(name)}
        unique = [tuple(each["column_names"]) for each in found.get_unique_constraints(name)]
        unique += [tuple(each["column_names"]) for each in found.get_indexes(name) if each["unique"]]
        self.unique = {("is", "not", "equal", *columns) for columns in unique}
        self.checks = {str(each["sqltext"]) for each in found.get_check_constraints(name)}
        self.foreign = {tuple(each["constrained_columns"]) for each in found.get_foreign_keys(name)}


def schema(store: Store) -> Schema:
    with store.engine.connect() as conn:
        found = sa.inspect(conn)
        return {name: Table(found, name) for name in found.get_table_names() if name != "alembic_version"}


def broken(before: Schema, after: Schema) -> set[str]:
    """What servers that know only what was before would notice, in words."""
    found = {f"table {name} is dropped or renamed" for name in before.keys() - after.keys()}
    for name in before.keys() & after.keys():
        found |= set(_of_table(name, before[name], after[name]))
    return found


def _of_table(name: str, before: Table, after: Table) -> Iterator[str]:
    for column, old in before.columns.items():
        if column not in after.columns:
            yield f"column {name}.{column} is dropped or renamed"
        else:
            yield from _of_column(f"column {name}.{column}", old, after.columns[column])
    for column in after.columns.keys() - before.columns.keys():
        if _wants(after.columns[column]):
            yield f"column {name}.{column} is new, NOT NULL, and has no server default"
    old_columns = before.columns.keys()
    for columns in after.unique - before.unique:
        if set(columns[3:]) <= old_columns:
            yield f"table {name} refuses equal {', '.join(columns[3:])}"
    for text in after.checks - before.checks:
        yield f"table {name} has a new condition: {text}"
    for columns in after.foreign - before.foreign:
        if set(columns) <= old_columns:
            yield f"table {name} has a new foreign key of {', '.join(columns)}"


def _of_column(what: str, old: Column, new: Column) -> Iterator[str]:
    if old["nullable"] and not new["nullable"]:
        yield f"{what} becomes NOT NULL"
    elif _wants(new) and not _wants(old):
        yield f"{what} loses its server default"
    kinds = old["type"], new["type"]
    length = [getattr(kind, "length", None) or 2**31 for kind in kinds]
    affinities = [kind._type_affinity for kind in kinds]
    if affinities[0] is not affinities[1]:
        yield f"{what} changes its type from {old['type']} to {new['type']}"
    elif length[1] < length[0] or (isinstance(kinds[0], sa.BigInteger) and not isinstance(kinds[1], sa.BigInteger)):
        yield f"{what} is narrowed from {old['type']} to {new['type']}"


def _wants(column: Column) -> bool:
    """Whether who writes a row must say a value."""
    return not column["nullable"] and column.get("default") is None and column.get("autoincrement") is not True


@contextmanager
def rewritten(store: Store, known: Schema) -> Iterator[set[str]]:
    """The columns of `known` whose content is changed meanwhile, and tables whose rows are removed, in words."""
    found: set[str] = set()

    def heard(conn: Any, cursor: Any, statement: str, *more: Any) -> None:
        if (match := _UPDATE.match(statement)) and match[1] in known:
            changed = set(_SET.findall(match[2])) & known[match[1]].columns.keys()
            found.update(f"what is in {match[1]}.{column} is changed" for column in changed)
        elif (match := _DELETE.match(statement)) and match[1] in known:
            found.add(f"rows of {match[1]} are removed")

    sa.event.listen(store.engine, "before_cursor_execute", heard)
    yield found
    sa.event.remove(store.engine, "before_cursor_execute", heard)
