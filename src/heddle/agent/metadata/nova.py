"""Requests of guests, forwarded to a metadata server of Nova and signed as the reference's metadata agent does.

    X-Instance-ID             the device of the port
    X-Tenant-ID               the port's project
    X-Forwarded-For           the guest's address
    X-Instance-ID-Signature   HMAC-SHA256 of the instance's id with the shared secret, in hexadecimal digits

Nova believes them for the signature; nothing that the guest says of itself goes along.  Of an answer other than 200
only the status is passed on.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import logging
import ssl
import time
from urllib.parse import quote

from heddle.agent.metadata.documents import TEXT, Answer
from heddle.agent.metadata.guests import Guest
from heddle.agent.metadata.http import Request
from heddle.host.metadata_wire import Configure

log = logging.getLogger(__name__)

SECONDS = 30.0
MOST_ANSWER = 4 << 20
MOST_PATH = 8192
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
PASSED = (400, 401, 403, 404, 405, 409, 413, 429, 500, 502, 503, 504)
_TOLD_EVERY = 60.0
_SAFE = "/?&=;:@!$'()*+,%-._~"


class Nova:
    """Raises `ssl.SSLError` for certificates of authorities that are none."""

    def __init__(self, settings: Configure) -> None:
        self._settings = settings
        secure = settings.nova_protocol == "https"
        self._context = ssl.create_default_context(cadata=settings.ca or None) if secure else None
        self._told = -_TOLD_EVERY

    def forward(self, guest: Guest, address: str, request: Request) -> Answer:
        """Blocks for up to half a minute."""
        if request.method not in METHODS:
            return _only(405)
        if not _is_plain(guest.instance_id):
            return self._failed(f"is not asked for port {guest.port.id}: its device_id fits into no header", 404)
        headers = signed(guest, address, self._settings.secret)
        if request.type and _is_plain(request.type):
            headers["Content-Type"] = request.type
        connection = self._connection()
        try:
            path = quote(request.path.encode("latin-1"), safe=_SAFE)
            connection.request(request.method, path, request.body or None, headers)
            answer = connection.getresponse()
            body = answer.read(MOST_ANSWER + 1)
        except (OSError, http.client.HTTPException) as error:
            return self._failed(f"does not answer: {error}", 502)
        finally:
            connection.close()
        if len(body) > MOST_ANSWER:
            return self._failed(f"answers with more than {MOST_ANSWER} bytes", 502)
        if answer.status == 403:
            return self._failed("refuses: is the shared secret the same there?", 403)
        if answer.status != 200:
            return _only(answer.status if answer.status in PASSED else 502)
        kind = answer.headers.get("Content-Type", TEXT)
        return Answer(200, body, kind if _is_plain(kind) else TEXT)

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._settings.nova_host, self._settings.nova_port
        if self._context is not None:
            return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=SECONDS)

    def _failed(self, what: str, status: int) -> Answer:
        now = time.monotonic()
        if now - self._told >= _TOLD_EVERY:
            self._told = now
            log.warning("the metadata server %s:%d %s", self._settings.nova_host, self._settings.nova_port, what)
        return _only(status)


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _only(status: int) -> Answer:
    return Answer(status, f"{http.HTTPStatus(status).phrase}\n".encode())


def signed(guest: Guest, address: str, secret: str) -> dict[str, str]:
    """The headers by which Nova knows the guest."""
    instance = guest.instance_id
    return {
        "X-Instance-ID": instance,
        "X-Tenant-ID": guest.port.project_id,
        "X-Forwarded-For": address,
        "X-Instance-ID-Signature": hmac.new(secret.encode(), instance.encode(), hashlib.sha256).hexdigest(),
    }
