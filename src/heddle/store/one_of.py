"""`column IN (these ids)` as SQL that is the same for one id and for ten thousand.

A list of bind parameters makes another statement for each length, which must be compiled, sent and planned anew, and
its length is limited.  Here all ids travel as one value: an array to PostgreSQL, a JSON array to SQLite and MariaDB.
So what a list costs in statements does not depend on how long it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator

# As the columns are: without it MariaDB refuses to compare.
_MARIADB = "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin PATH '$'"


class Ids(TypeDecorator[Any]):
    """Texts as one value."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        return dialect.type_descriptor(ARRAY(sa.String()) if dialect.name == "postgresql" else sa.Text())

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> Any:
        return value if dialect.name == "postgresql" else json.dumps(value)


class _OneOf(FunctionElement[bool]):
    type = sa.Boolean()
    inherit_cache = True
    name = "one_of"

    def self_group(self, against: Any = None) -> _OneOf:
        """Itself: as a condition it needs no `= 1`, with which no index would be used."""
        return self


def one_of(column: sa.ColumnElement[Any], ids: Iterable[str] | str) -> sa.ColumnElement[bool]:
    """Whether the column is one of the texts; of those in the parameter of this name, where `ids` is a text."""
    bind: sa.BindParameter[Any]
    if isinstance(ids, str):
        bind = sa.bindparam(ids, type_=Ids())
    else:
        bind = sa.bindparam(None, list(ids), type_=Ids(), unique=True)
    return _OneOf(column, bind)


def _sides(element: Any, compiler: Any, more: Any) -> tuple[str, str]:
    column, bind = element.clauses
    return compiler.process(column, **more), compiler.process(bind, **more)


@compiles(_OneOf)
def _json_each(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = _sides(element, compiler, more)
    return f"{column} IN (SELECT value FROM json_each({ids}))"


@compiles(_OneOf, "postgresql")
def _any_of_array(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = _sides(element, compiler, more)
    return f"{column} = ANY ({ids})"


@compiles(_OneOf, "mysql", "mariadb")
def _json_table(element: Any, compiler: Any, **more: Any) -> str:
    column, ids = _sides(element, compiler, more)
    return f"{column} IN (SELECT listed.id FROM JSON_TABLE({ids}, '$[*]' COLUMNS (id {_MARIADB})) AS listed)"
