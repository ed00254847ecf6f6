"""The answers of the Identity API to what cannot be done."""

from __future__ import annotations

from typing import TypeVar

from heddle.errors import BadRequest, Conflict, Forbidden, NotFound

T = TypeVar("T")


def found(value: T | None, kind: str, id: str) -> T:
    """The value, if there is one.  Raises `NotFound`."""
    if value is None:
        raise NotFound("NotFound", f"Could not find {kind}: {id}.")
    return value


def duplicate(kind: str, name: str) -> Conflict:
    return Conflict(
        "Conflict", f"Conflict occurred attempting to store {kind} - Duplicate entry found with name {name}."
    )


def wrong(reason: str) -> BadRequest:
    return BadRequest("ValidationError", reason)


def forbidden(action: str) -> Forbidden:
    return Forbidden("Forbidden", f"You are not authorized to perform the requested action: {action}.")
