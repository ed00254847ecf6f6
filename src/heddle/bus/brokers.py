"""Where the brokers are, from the setting `bus.url`, and how one is connected to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

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
    """One broker; `shown` names it without the password, `setting` is what told of it."""

    shown: str
    user: str
    parameters: pika.ConnectionParameters
    setting: str = "bus.url"


def brokers(settings: BusSettings) -> list[Broker]:
    """All that `bus.url` names, in its order.  Raises `ConfigError`."""
    found = [_broker(text.strip(), settings) for text in settings.url.split(",") if text.strip()]
    if not found:
        raise ConfigError(f"bus.url names no broker: {EXAMPLE}")
    return found


def _broker(url: str, settings: BusSettings) -> Broker:
    parts, given = split("bus.url", url, EXAMPLE)
    port = given or PORTS.get(parts.scheme, 0)
    if parts.scheme not in PORTS or not parts.hostname or not parts.username or parts.password is None:
        raise ConfigError(f"bus.url: a broker needs a scheme, a user, a password and a host: {EXAMPLE}")
    if parts.query or parts.fragment:
        raise ConfigError(f"bus.url: options after the virtual host are not known: {EXAMPLE}")
    context = _context(settings) if parts.scheme == "amqps" else None
    vhost = unquote(parts.path.removeprefix("/")) or "/"
    return broker(parts.hostname, port, vhost, unquote(parts.username), unquote(parts.password), context)


def split(setting: str, url: str, example: str) -> tuple[SplitResult, int | None]:
    """The parts of a URL, and its port.  Raises `ConfigError`, which has nothing of the URL: a password is in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigError(f"{setting}: what stands before the path is no user, password and host (in a password [ is "
                          f"%5B and ] is %5D): {example}") from None  # fmt: skip
    try:
        return parts, parts.port
    except ValueError:
        raise ConfigError(f"{setting}: the port is not a number up to 65535: {example}") from None


def broker(
    host: str, port: int, vhost: str, user: str, password: str, context: ssl.SSLContext | None, setting: str = "bus.url"
) -> Broker:
    """A broker of this account and virtual host; `context` is for TLS, None without."""
    parameters = pika.ConnectionParameters(
        host=host,
        port=port,
        virtual_host=vhost,
        credentials=pika.PlainCredentials(user, password, erase_on_connect=False),
        ssl_options=pika.SSLOptions(context, host) if context else None,
        heartbeat=HEARTBEAT_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        stack_timeout=2 * SOCKET_SECONDS,
        blocked_connection_timeout=BLOCKED_SECONDS,
        client_properties={"connection_name": "heddle"},
    )
    scheme, name = "amqps" if context else "amqp", f"[{host}]" if ":" in host else host
    path = "" if vhost == "/" else f"/{quote(vhost, safe='')}"
    return Broker(f"{scheme}://{name}:{port}{path}", user, parameters, setting)


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
