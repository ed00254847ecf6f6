"""A right to do something that is about no object of a table."""

from __future__ import annotations

from heddle.api.http import Request
from heddle.api.services import Services
from heddle.errors import Forbidden


def require(services: Services, request: Request, rule: str, project_id: str = "") -> None:
    """Raises `Forbidden` for a caller to whom the rule does not give it, in a project where one is named."""
    if not services.policy.allows(rule, request.caller, {"project_id": project_id}.get):
        raise Forbidden("PolicyNotAuthorized", f"(rule:{rule}) is disallowed by policy")
