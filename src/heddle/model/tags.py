"""Tags: words that users put on objects, and by which lists are filtered (Networking API, tags)."""

from __future__ import annotations

from typing import Any

from heddle.model.fields import Invalid, Json, Text, quote

# Filters of a resource with tags: all of these tags, one of them, not all of them, none of them; changed since then.
ALL_TAGS, ANY_TAG, NOT_ALL_TAGS, NOT_ANY_TAG = ("tags", "tags-any", "not-tags", "not-tags-any")
CHANGED_SINCE = "changed_since"
TAG_FILTERS = (ALL_TAGS, ANY_TAG, NOT_ALL_TAGS, NOT_ANY_TAG, CHANGED_SINCE)


def read_tags(value: Any) -> list[str]:
    """A list of up to 50 different tags of up to 255 characters each, without commas (Networking API, tags)."""
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of tags")
    tags: list[str] = []
    for tag in value:
        tag = Text(255, empty=False).check(tag)
        if "," in tag:
            raise Invalid(f"tag {quote(tag)} contains a comma")
        if tag not in tags:
            tags.append(tag)
    if len(tags) > 50:
        raise Invalid(f"{len(tags)} tags are more than the 50 that an object can have")
    return sorted(tags)


TAGS = Json(read_tags, {"type": "array", "items": {"type": "string", "maxLength": 255}, "maxItems": 50})
