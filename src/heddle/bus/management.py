"""What RabbitMQ's management tells of queues, which AMQP cannot list: for checks, where `bus.management_url` is set."""

from __future__ import annotations

import base64
import http.client
import ssl
from urllib.parse import quote, unquote

import msgspec

from heddle.bus.base import BusError
from heddle.bus.brokers import brokers, split
from heddle.config import BusSettings
from heddle.errors import ConfigError

EXAMPLE = "write http://user:password@broker:15672, or https://…"
SECONDS = 5.0
MOST_ANSWER = 64 << 20


class Queue(msgspec.Struct, frozen=True):
    """A queue of the virtual host; `consumers` and `messages` are None where it is too new to be counted."""

    name: str
    consumers: int | None = None
    messages: int | None = None


_queues = msgspec.json.Decoder(list[Queue])


def queues(settings: BusSettings) -> list[Queue]:
    """All of the virtual host of `bus.url`.  Raises `BusError` with the reason, `ConfigError`."""
    host = quote(brokers(settings)[0].parameters.virtual_host, safe="")
    connection, shown, headers = _connection(settings)
    try:
        connection.request("GET", f"/api/queues/{host}?columns=name,consumers,messages", headers=headers)
        answer = connection.getresponse()
        body = answer.read(MOST_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise BusError(f"{shown} cannot be asked: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200:
        why = {401: "the user needs the tag monitoring", 404: "it knows no such virtual host"}.get(answer.status, "")
        raise BusError(f"{shown} answers {answer.status}{': ' if why else ''}{why}")
    try:
        return _queues.decode(body)
    except msgspec.MsgspecError as error:
        raise BusError(f"{shown} answers with what is no list of queues: is it RabbitMQ's management?") from error


def _connection(settings: BusSettings) -> tuple[http.client.HTTPConnection, str, dict[str, str]]:
    """The connection, how it is named without the password, and who asks."""
    parts, port = split("bus.management_url", settings.management_url, EXAMPLE)
    if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username or parts.password is None:
        raise ConfigError(f"bus.management_url needs a scheme, a user, a password and a host: {EXAMPLE}")
    user = f"{unquote(parts.username)}:{unquote(parts.password)}"
    headers = {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.scheme == "http":
        return http.client.HTTPConnection(parts.hostname, port, timeout=SECONDS), shown, headers
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"bus.ca_file {settings.ca_file} cannot be used: {error}") from error
    return http.client.HTTPSConnection(parts.hostname, port, timeout=SECONDS, context=context), shown, headers
