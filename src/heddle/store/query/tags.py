"""Filters by tag: `tags` (all of), `tags-any` (one of), `not-tags` (not all of), `not-tags-any` (none of).

Tags are a JSON list in the object's row.  A tag in quotes as JSON writes it occurs in that text exactly when the
list has it, because a quote inside another tag is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

Clause = sa.ColumnElement[bool]


def tag_filters(table: sa.Table) -> Mapping[str, Callable[[Sequence[Any]], Clause]]:
    """The four filters for a table with a `tags` column; each value may be a comma-separated list."""

    def each(values: Sequence[Any]) -> list[Clause]:
        tags = [tag for value in values for tag in str(value).split(",") if tag]
        column = sa.type_coerce(table.c.tags, sa.Text)
        return [column.contains(msgspec.json.encode(tag).decode(), autoescape=True) for tag in tags]

    return {
        "tags": lambda values: sa.and_(sa.true(), *each(values)),
        "tags-any": lambda values: sa.or_(sa.false(), *each(values)),
        "not-tags": lambda values: sa.not_(sa.and_(sa.true(), *each(values))),
        "not-tags-any": lambda values: sa.not_(sa.or_(sa.false(), *each(values))),
    }
