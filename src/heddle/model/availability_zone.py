"""Availability zones: names of parts of the cloud that fail apart, which agents are in and objects ask for."""

from __future__ import annotations

from typing import Any

import msgspec

from heddle.model.fields import Invalid, Json, Text, quote

DEFAULT_ZONE = "nova"
_LONGEST = 255


def read_zones(value: Any) -> list[str]:
    """A list of different names, which as JSON has at most 255 characters."""
    if not isinstance(value, list):
        raise Invalid(f"{quote(value)} is not a list of availability zones")
    names = [Text(_LONGEST).check(item) for item in value]
    if len(set(names)) != len(names):
        raise Invalid(f"Duplicate items in the list: {quote(value)}")
    if len(msgspec.json.encode(names)) > _LONGEST:
        raise Invalid(f"Too many availability_zone_hints specified: {quote(value)}")
    return names


ZONES = Json(read_zones, {"type": "array", "items": {"type": "string", "maxLength": _LONGEST}})
