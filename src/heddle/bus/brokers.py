"""Where the brokers are, from the setting `bus.url`, and how one is connected to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import pika

from heddle.config import BusSettings
from heddle.errors import ConfigError

PORTS = {"amqp": 5672, "amqps": 5671}
HEARTBEAT_SECONDS = 10
SOCKET_SECONDS = 5.0
BLOCKED_SECONDS = 30.0
EXAMPLE = "write amqp://user:password@broker:5672/vhost (amqps:// for TLS), several brokers with commas between them"


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker; `shown` names it without the password."""

    shown: str
    user: str
    parameters: pika.ConnectionParameters


def brokers(settings: BusSettings) -> list[Broker]:
    """All that `bus.url` names, in its order.  Raises `ConfigError`."""
    found = [_broker(text.strip(), settings) for text in settings.url.split(",") if text.strip()]
    if not found:
        raise ConfigError(f"bus.url names no broker: {EXAMPLE}")
    return found


def _broker(url: str, settings: BusSettings) -> Broker:
    parts = urlsplit(url)
    try:
        port = parts.port or PORTS.get(parts.scheme, 0)
    except ValueError as error:
        raise ConfigError(f"bus.url: the port of a broker is not a number up to 65535: {EXAMPLE}") from error
    if parts.scheme not in PORTS or not parts.hostname or not parts.username or parts.password is None:
        raise ConfigError(f"bus.url: a broker needs a scheme, a user, a password and a host: {EXAMPLE}")
    if parts.query or parts.fragment:
        raise ConfigError(f"bus.url: options after the virtual host are not known: {EXAMPLE}")
    secure = parts.scheme == "amqps"
    parameters = pika.ConnectionParameters(
        host=parts.hostname,
        port=port,
        virtual_host=unquote(parts.path.removeprefix("/")) or "/",
        credentials=pika.PlainCredentials(unquote(parts.username), unquote(parts.password), erase_on_connect=False),
        ssl_options=pika.SSLOptions(_context(settings), parts.hostname) if secure else None,
        heartbeat=HEARTBEAT_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        stack_timeout=2 * SOCKET_SECONDS,
        blocked_connection_timeout=BLOCKED_SECONDS,
        client_properties={"connection_name": "heddle"},
    )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Broker(f"{parts.scheme}://{host}:{port}{parts.path}", unquote(parts.username), parameters)


def _context(settings: BusSettings) -> ssl.SSLContext:
    """The broker's certificate is checked, against `bus.ca_file` or the system's authorities."""
    if bool(settings.cert_file) != bool(settings.key_file):
        raise ConfigError("bus.cert_file and bus.key_file belong together: set both or none")
    try:
        context = ssl.create_default_context(cafile=settings.ca_file or None)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if settings.cert_file:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(filter(None, (settings.ca_file, settings.cert_file, settings.key_file)))
        raise ConfigError(f"the files for TLS with the broker ({files}) cannot be used: {error}") from error
    return context
