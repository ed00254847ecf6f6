"""The answer that an error becomes: each API's clients know another body."""

from __future__ import annotations

from typing import Any

from heddle.api.http import Request, Response, json_response

LONGEST_MESSAGE = 2000
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def error_response(request: Request, status: int, code: str, message: str, detail: str) -> Response:
    """The body of an error: each API's clients know another."""
    headers: list[tuple[str, str]] = []
    message = message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "…"
    if request.path.startswith("/identity"):
        body: dict[str, Any] = {"error": {"code": status, "message": message, "title": TITLES.get(status, "Error")}}
    else:
        body = {"NeutronError": {"type": code, "message": message, "detail": detail if status != 405 else ""}}
    if status == 401:
        headers.append(("WWW-Authenticate", f'Keystone uri="{request.base_url}/identity"'))
    if status == 405:
        headers.append(("Allow", detail))
    if status == 503:
        headers.append(("Retry-After", "1"))
    return json_response(body, status, headers)
