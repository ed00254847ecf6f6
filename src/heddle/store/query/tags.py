"""Filters that every resource with the standard attributes has: by tag, and by the time of the last change.

`tags` (all of), `tags-any` (one of), `not-tags` (not all of), `not-tags-any` (none of).  Tags are a JSON list in the
object's row.  A tag in quotes as JSON writes it occurs in that text exactly when the list has it, because a quote
inside another tag is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from heddle.errors import BadRequest
from heddle.model.tags import ALL_TAGS, ANY_TAG, CHANGED_SINCE, NOT_ALL_TAGS, NOT_ANY_TAG

Clause = sa.ColumnElement[bool]

# Each value is a comparison of its own, and databases take only so many in one statement.
MOST_VALUES = 100
LONGEST_VALUE = 255


def check_values(name: str, values: Sequence[str]) -> None:
    """Raises `BadRequest` for more values than one filter can have, or for a longer one than any object has."""
    if (longest := max(map(len, values), default=0)) > LONGEST_VALUE:
        raise BadRequest(
            "HTTPBadRequest",
            f"Invalid input for {name}. Reason: a value of {longest} characters is longer than the {LONGEST_VALUE} "
            "that there can be.",
        )
    if len(values) > MOST_VALUES:
        raise BadRequest(
            "HTTPBadRequest",
            f"Invalid input for {name}. Reason: {len(values)} values are more than the {MOST_VALUES} that this filter "
            "can have.",
        )


def tag_filters(table: sa.Table) -> Mapping[str, Callable[[Sequence[Any]], Clause]]:
    """The filters for a table with a `tags` column; each value may be a comma-separated list."""

    def each(values: Sequence[Any]) -> list[Clause]:
        tags = [tag for value in values for tag in str(value).split(",") if tag]
        check_values("tags", tags)
        column = sa.type_coerce(table.c.tags, sa.Text)
        return [column.contains(msgspec.json.encode(tag).decode(), autoescape=True) for tag in tags]

    return {
        ALL_TAGS: lambda values: sa.and_(sa.true(), *each(values)),
        ANY_TAG: lambda values: sa.or_(sa.false(), *each(values)),
        NOT_ALL_TAGS: lambda values: sa.not_(sa.and_(sa.true(), *each(values))),
        NOT_ANY_TAG: lambda values: sa.not_(sa.or_(sa.false(), *each(values))),
        CHANGED_SINCE: lambda values: table.c.updated_at >= max(_time(str(value)) for value in values),
    }


def _time(text: str) -> str:
    """A time as the column has it.  Raises `BadRequest`."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(
            "HTTPBadRequest", f"Invalid input for changed_since. Reason: '{text[:50]}' is not an ISO 8601 time."
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
