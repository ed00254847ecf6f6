"""What an object keeps of itself in another table, as a list of rows of it.

Of many objects the parts are read by a statement of their own.  Of one object they come with its row, each kind as one
JSON text: a round trip to another engine costs more than the rest of reading an object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from heddle.store.prepared import Among

_DECODE = msgspec.json.Decoder(list[list[Any]]).decode


@dataclass(frozen=True)
class Part:
    """`name` of the field, made by `make` from the `columns` of each row whose `key` is the object's id.

    The columns are texts and numbers.  `order`: a column with the place of a row among those of its object.
    `single`: there is one row at most, and nothing to gather, which MariaDB takes long for.
    """

    name: str
    key: sa.Column[Any]
    columns: tuple[sa.Column[Any], ...]
    make: Callable[..., Any]
    order: sa.Column[Any] | None = None
    single: bool = False
    _among: Among = field(init=False)

    def __post_init__(self) -> None:
        order = () if self.order is None else (self.order,)
        object.__setattr__(self, "_among", Among((self.key, *self.columns), self.key, order=order))

    def load(self, conn: sa.Connection, items: Iterable[Any]) -> None:
        """Give the objects their parts."""
        lists: dict[str, list[Any]] = {}
        for item in items:
            lists[item.id] = []
            setattr(item, self.name, lists[item.id])
        make = self.make
        for id, *values in self._among.rows(conn, lists):
            lists[id].append(make(*values))

    def of(self, id: sa.Column[Any]) -> sa.ColumnElement[str]:
        """The rows of the object whose id is in the column, as a value to select."""
        columns = self.columns if self.order is None else (self.order, *self.columns)
        row = _Row(*columns)
        return sa.select(row if self.single else _Rows(row)).where(self.key == id).scalar_subquery().label(self.name)

    def read(self, value: str | None) -> list[Any]:
        """The field, from what was selected."""
        rows = _DECODE(f"[{value}]" if self.single else value) if value else []
        if self.order is None:
            return [self.make(*row) for row in rows]
        return [self.make(*values) for _, *values in sorted(rows, key=_place)]


def _place(row: Sequence[Any]) -> Any:
    return row[0]


class _Row(FunctionElement[str]):
    """A row as a JSON array."""

    type = sa.Text()
    inherit_cache = True
    name = "row_in_json"


class _Rows(FunctionElement[str]):
    """All rows, each a JSON array, in one; NULL or an empty array when there is none."""

    type = sa.Text()
    inherit_cache = True
    name = "rows_in_json"


def _inside(element: Any, compiler: Any, more: Any) -> str:
    return ", ".join(compiler.process(each, **more) for each in element.clauses)


@compiles(_Row)
def _json_array(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_array({_inside(element, compiler, more)})"


@compiles(_Row, "postgresql")
def _json_build_array(element: Any, compiler: Any, **more: Any) -> str:
    return f"CAST(json_build_array({_inside(element, compiler, more)}) AS text)"


@compiles(_Rows)
def _json_group_array(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_group_array(json({_inside(element, compiler, more)}))"


@compiles(_Rows, "postgresql")
def _string_agg(element: Any, compiler: Any, **more: Any) -> str:
    return f"'[' || string_agg({_inside(element, compiler, more)}, ',') || ']'"


@compiles(_Rows, "mysql", "mariadb")
def _json_arrayagg(element: Any, compiler: Any, **more: Any) -> str:
    return f"JSON_ARRAYAGG({_inside(element, compiler, more)})"
