"""`transport_url` of oslo.messaging: rabbit://user:password@host:port,user:password@host:port/vhost."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

from heddle.bus.brokers import Broker, broker
from heddle.checks.openstack.ini import is_true
from heddle.errors import ConfigError, HeddleError

RABBITS = ("rabbit", "kombu", "kombu+amqp")
GUEST = "guest"
PORT = 5672
EXAMPLE = "write rabbit://user:password@host:5672,user:password@host2:5672/vhost (in a password @ is %40, / is %2F)"


class Foreign(HeddleError):
    """The message queue is none that this program speaks with."""


def brokers(url: str, where: str, tls: Callable[[bool], ssl.SSLContext | None]) -> list[Broker]:
    """All hosts of the URL.  Raises `ConfigError`, and `Foreign`; `tls(asked)` is how one connects."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator:
        raise ConfigError(f"{where} is no URL: {EXAMPLE}")
    if scheme not in RABBITS:
        raise Foreign(f"{where} is of {_word(scheme)}: this program speaks with RabbitMQ alone")
    rest, _, query = rest.partition("?")
    hosts, _, vhost = rest.partition("/")
    if "@" in vhost:
        raise ConfigError(f"{where} has a / before an @: {EXAMPLE}")
    context = tls(is_true(parse_qs(query).get("ssl", [""])[-1]))
    return [_broker(each, unquote(vhost) or "/", where, context) for each in (hosts or "localhost").split(",")]


def _broker(text: str, vhost: str, where: str, context: ssl.SSLContext | None) -> Broker:
    account, _, address = text.strip().rpartition("@")
    user, _, password = account.partition(":")
    host, port = _address(address, where)
    return broker(host, port, vhost, unquote(user) or GUEST, unquote(password) or GUEST, context, where)


def _address(text: str, where: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":") if text.count(":") == 1 or "]:" in text else (text, "", "")
    if not host or not (port.isdecimal() or not port) or int(port or PORT) > 65535:
        raise ConfigError(f"{where}: a host with its port is no such thing: {EXAMPLE}")
    return host.strip("[]"), int(port or PORT)


def _word(scheme: str) -> str:
    """A scheme, if it looks like one."""
    return scheme if scheme.isidentifier() and len(scheme) < 12 else "something else"
