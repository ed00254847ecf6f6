"""Requests and answers, as the rest of `api/` sees them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import msgspec

from heddle.errors import BadRequest, UnsupportedMedia
from heddle.model.caller import Caller

if TYPE_CHECKING:
    from heddle.api.services import Services

ANONYMOUS = Caller()


@dataclass(slots=True)
class Request:
    """`path` is decoded; `headers` have lower-case names; `params` are the parts of the path that the route names.

    `caller` is `ANONYMOUS` until the authentication has run; `base_url` is the root as the client wrote it;
    `client` is the address that the request came from; `route` is None until it is found, and where there is none.
    """

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    request_id: str = ""
    base_url: str = ""
    client: str = ""
    caller: Caller = ANONYMOUS
    params: dict[str, str] = field(default_factory=dict)
    route: Route | None = None

    def query(self) -> list[tuple[str, str]]:
        """The query's names and values, in order.  Raises `BadRequest`."""
        try:
            pairs = parse_qsl(self.query_string, keep_blank_values=True, errors="strict", max_num_fields=2000)
        except ValueError as error:
            raise BadRequest("HTTPBadRequest", f"The query string cannot be read: {error}") from None
        if any("\x00" in name or "\x00" in value for name, value in pairs):
            raise BadRequest("HTTPBadRequest", "The query string contains a null character")
        return pairs

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.  Raises `BadRequest`, `UnsupportedMedia`."""
        kind = self.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
        if kind not in ("application/json", ""):
            raise UnsupportedMedia(
                "HTTPUnsupportedMediaType", f"The content type '{kind}' is not supported: use application/json"
            )
        try:
            value = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("HTTPBadRequest", f"The request body is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise BadRequest("HTTPBadRequest", "The request body must be a JSON object")
        return value

    def member(self, name: str, other: str = "") -> dict[str, Any]:
        """The object in `{name: {...}}`, which may have the `other` name instead.  Raises `BadRequest`."""
        body = self.json()
        value = body.get(other if other in body else name)
        if not isinstance(value, dict) or len(body) != 1:
            raise BadRequest("HTTPBadRequest", f'The request body must be {{"{name}": {{…}}}} and nothing else')
        return value


@dataclass(frozen=True, slots=True)
class Response:
    """An answer; it may be used for several requests, each of which adds its headers to a copy."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    def and_header(self, name: str, value: str) -> Response:
        return Response(self.status, self.body, (*self.headers, (name, value)))


def json_response(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    return Response(status, msgspec.json.encode(value), (("Content-Type", "application/json"), *(headers or ())))


Handler = Callable[["Services", Request], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """`path` names its variable parts in braces: `/v2.0/ports/{id}`.

    `permission` is the policy rule that decides, or "" for a route that anybody with a valid token may call,
    or "public" for one that needs none.  For the OpenAPI document: `success` is the status of success; `body`, `reply`
    and `query` are the schemas of the request's body, of the answer and of the parameters in the query, by name, where
    they are not those of a resource's collection.
    """

    method: str
    path: str
    handler: Handler
    permission: str
    success: int = 200
    summary: str = ""
    body: Mapping[str, Any] | None = None
    reply: Mapping[str, Any] | None = None
    query: Mapping[str, Any] | None = None
