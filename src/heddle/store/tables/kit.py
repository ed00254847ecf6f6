"""What tables are made of: a column for each stored field of a resource, and plain ones.

Identifiers are UUIDs as text.  Addresses in `ip_ranges` are 32 hexadecimal digits, so that their order as
text is their order as numbers, for IPv4 and IPv6, on every engine.  Structured values are JSON text.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from heddle.model.resource import FieldInfo, Resource, fields_of

METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


# As the engines tell it of a column with the default "".
NOTHING = sa.text("''")


class No(sa.ColumnElement[bool]):
    """The same for the default false."""

    inherit_cache = True


@compiles(No)
def _no(element: No, compiler: Any, **options: Any) -> str:
    return "false" if compiler.dialect.name == "postgresql" else "0"


class JsonText(TypeDecorator[Any]):
    """A structured value kept as JSON text and read back as the type that its field declares."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, python_type: Any = Any) -> None:
        super().__init__()
        self.python_type_ = python_type
        self._decoder = msgspec.json.Decoder(python_type)

    def process_bind_param(self, value: Any, dialect: Any) -> str | None:
        return None if value is None else msgspec.json.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Any) -> Any:
        if value == "[]":
            return []
        if value == "{}":
            return {}
        return None if value is None else self._decoder.decode(value)

    def decoded(self, values: Iterable[str | None]) -> list[Any]:
        """The same for a whole column."""
        decode = self._decoder.decode
        return [[] if v == "[]" else {} if v == "{}" else None if v is None else decode(v) for v in values]


def _column(field: FieldInfo) -> sa.Column[Any]:
    kinds: dict[str, Any] = {"bool": sa.Boolean(), "int": sa.BigInteger()}
    if field.type.column == "json":
        kind: Any = JsonText(field.python_type)
    elif field.type.column == "text":
        kind = sa.String(field.type.length or 255)
    else:
        kind = kinds[field.type.column]
    nullable = field.type.nullable
    return sa.Column(field.name, kind, primary_key=field.name == "id", nullable=nullable, index=field.indexed or None)


def table_for(model: type[Resource], *extra: Any, name: str = "", later: Collection[str] = ()) -> sa.Table:
    """The table of a resource: a column for each stored field; `name`: where it is not that of the collection.

    `later`: columns of text or truth values that servers of older versions do not know: "" or false in their rows.
    """
    columns = [_column(field) for field in fields_of(model).values() if field.stored]
    for column in columns:
        if column.name in later:
            column.server_default = sa.DefaultClause(No() if isinstance(column.type, sa.Boolean) else NOTHING)
    return sa.Table(name or model.collection, METADATA, *columns, *extra)


def id_column(name: str, *, key: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(36), primary_key=key, nullable=False, index=index or None)


def text_column(name: str, length: int = 255, *, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), primary_key=key, nullable=False)


def number_column(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False)
