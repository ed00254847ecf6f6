"""Changes constrained to a revision: the header `If-Match: revision_number=7`."""

from __future__ import annotations

import re

from heddle.api.http import Request
from heddle.errors import BadRequest, PreconditionFailed
from heddle.model.resource import Resource, api_fields

_IF_MATCH = re.compile(r"revision_number=(\d{1,18})")


def check_revision(request: Request, item: Resource) -> None:
    """Hold an object against the request's If-Match.  Raises `PreconditionFailed`, `BadRequest`."""
    wanted = request.headers.get("if-match")
    if not wanted or "revision_number" not in api_fields(type(item)):
        return
    match = _IF_MATCH.fullmatch(wanted.strip())
    if match is None:
        raise BadRequest(
            "HTTPBadRequest", f"Invalid If-Match header '{wanted[:80]}': revision_number=NUMBER is expected"
        )
    have = getattr(item, "revision_number", 0)
    if int(match[1]) != have:
        raise PreconditionFailed(
            "RevisionNumberConstraintFailed", f"Constrained to {match[1]}, but current revision is {have}"
        )
