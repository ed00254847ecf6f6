"""The WSGI application: what every request goes through, in order, and the one place where an error becomes an answer.

    MIDDLEWARE, outermost first
    1  request_id     gives the request an id, which is in the answer's header and in every log line
    2  access_log     one line per request: method, path, status, milliseconds
    3  errors         an exception becomes an answer with the body that the API's clients know

then `dispatch`: the route is found (404, 405), the token becomes a caller (401; only public routes go
without), and the route's function answers.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from heddle.api.failures import TITLES, error_response
from heddle.api.http import Request, Response
from heddle.api.routes import ROUTES, Router
from heddle.api.services import Services
from heddle.errors import MethodNotAllowed, NotFound, TooLarge, Unauthorized, UserError

log = logging.getLogger(__name__)

Next = Callable[[Services, Request], Response]
_GIVEN_ID = re.compile(r"req-[0-9a-zA-Z-]{8,64}")


def request_id(services: Services, request: Request, call: Next) -> Response:
    given = request.headers.get("x-openstack-request-id", "")
    request.request_id = given if _GIVEN_ID.fullmatch(given) else f"req-{uuid.uuid4()}"
    return call(services, request).and_header("X-Openstack-Request-Id", request.request_id)


def access_log(services: Services, request: Request, call: Next) -> Response:
    started = time.perf_counter()
    response = call(services, request)
    took = time.perf_counter() - started
    services.counts.add(response.status, _NUMBERS.get(id(request.route), -1), took)
    log.info(
        "request method=%s path=%s status=%d ms=%.1f user=%s project=%s request_id=%s",
        request.method,
        request.path.encode("unicode_escape").decode()[:300],
        response.status,
        1000 * took,
        request.caller.user_id or "-",
        request.caller.project_id or "-",
        request.request_id,
    )
    return response


def errors(services: Services, request: Request, call: Next) -> Response:
    try:
        return call(services, request)
    except UserError as error:
        return error_response(request, error.status, error.code, str(error), error.detail)
    except Exception:
        log.exception("request failed request_id=%s", request.request_id)
        text = f"The server met an error that is not of your making. Its log tells more about {request.request_id}."
        return error_response(request, 500, "HTTPInternalServerError", text, "")


def dispatch(services: Services, request: Request) -> Response:
    most = services.settings.server.max_body
    if len(request.body) > most:
        raise TooLarge("HTTPRequestEntityTooLarge", f"The request body has more than the {most} bytes that are allowed")
    parts = request.path.split("/")[1:]
    while parts and not parts[-1]:
        parts.pop()
    if parts and parts[-1].endswith(".json"):
        parts[-1] = parts[-1].removesuffix(".json") if parts != ["openapi.json"] else parts[-1]
    route, request.params, methods = _ROUTER.find(request.method, parts)
    request.route = route
    if route is None and methods:
        raise MethodNotAllowed(
            "HTTPMethodNotAllowed", f"{request.method[:20]} is not allowed: {', '.join(methods)} are", ",".join(methods)
        )
    if route is None:
        if parts and parts[0] not in ("identity", "healthz", "readyz"):
            _need_caller(services, request)
        raise NotFound("HTTPNotFound", "The resource could not be found.")
    if route.permission != "public":
        _need_caller(services, request)
    if any(len(part) > LONGEST_PART or "\x00" in part for part in request.params.values()):
        raise NotFound(
            "HTTPNotFound",
            f"The resource could not be found: a name in its path is not one of up to {LONGEST_PART} characters.",
        )
    return route.handler(services, request)


def _need_caller(services: Services, request: Request) -> None:
    token = request.headers.get("x-auth-token", "")
    if not token:
        raise Unauthorized("HTTPUnauthorized", "Authentication required: the request has no X-Auth-Token header.")
    request.caller = services.auth.authenticate(token)


LONGEST_PART = 255
MIDDLEWARE = (request_id, access_log, errors)
_ROUTER = Router(ROUTES)
_NUMBERS = {id(route): number for number, route in enumerate(ROUTES)}


def _chain() -> Next:
    call: Next = dispatch
    for layer in reversed(MIDDLEWARE):
        call = _wrap(layer, call)
    return call


def _wrap(layer: Callable[[Services, Request, Next], Response], inner: Next) -> Next:
    return lambda services, request: layer(services, request, inner)


class App:
    """The application; thread-safe."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._call = _chain()
        services.policy.require({route.permission for route in ROUTES if route.permission not in ("", "public")})

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        request = self._request(environ)
        response = self._call(self._services, request)
        body = b"" if response.status == 204 else response.body
        headers = [*response.headers, ("Content-Length", str(len(body)))]
        start_response(f"{response.status} {TITLES.get(response.status, 'OK')}", headers)
        return [] if request.method == "HEAD" else [body]

    def _body(self, environ: dict[str, Any]) -> bytes:
        """The body, at most one byte more than is allowed; nothing where it is not as long as it says."""
        text = environ.get("CONTENT_LENGTH") or "0"
        length = int(text) if text.isascii() and text.isdecimal() and len(text) < 30 else 0
        length = min(length, self._services.settings.server.max_body + 1)
        body: bytes = environ["wsgi.input"].read(length)
        return body if len(body) == length else b""

    def _request(self, environ: dict[str, Any]) -> Request:
        headers = {
            name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        if environ.get("CONTENT_TYPE"):
            headers["content-type"] = environ["CONTENT_TYPE"]
        raw_path = environ.get("PATH_INFO", "/").encode("latin-1")
        path = raw_path.decode("utf-8", "replace")
        base = self._services.settings.server.public_url.rstrip("/")
        if not base:
            base = f"{environ['wsgi.url_scheme']}://{headers.get('host') or self._services.settings.server.listen}"
        return Request(
            method=environ["REQUEST_METHOD"],
            path=path,
            query_string=environ.get("QUERY_STRING", ""),
            headers=headers,
            body=self._body(environ),
            base_url=base,
            client=environ.get("REMOTE_ADDR", ""),
        )
