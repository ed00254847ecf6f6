"""Which bus the settings ask for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

from heddle.bus.ask import Asker
from heddle.bus.base import AgentBus, ServerBus
from heddle.config import Settings
from heddle.errors import ConfigError

if TYPE_CHECKING:
    from heddle.bus.relay import Relay, RelayBus


def server_bus(settings: Settings) -> ServerBus:
    """The server's side, not started.  Raises `ConfigError` for a bus that does not exist."""
    if settings.bus.url:
        from heddle.bus.amqp_server import AmqpServerBus
        from heddle.bus.brokers import brokers

        return AmqpServerBus(brokers(settings.bus), settings.bus.call_timeout)
    from heddle.bus.local import LocalServerBus

    return LocalServerBus(settings.bus_socket)


def worker_bus(settings: Settings) -> RelayBus:
    """The way to the first process of a server, for the others; not started."""
    from heddle.bus.relay import RelayBus

    return RelayBus(settings.relay_socket)


def relay(settings: Settings, bus: ServerBus) -> Relay:
    """What brings the wake-ups of other server processes to the first one's bus, not started."""
    from heddle.bus.relay import Relay

    return Relay(settings.relay_socket, bus.wake)


def agent_bus(settings: Settings) -> AgentBus:
    """The agent's side, not started.  Raises `ConfigError` for a bus that does not exist, or a key that is missing."""
    if settings.bus.url:
        from heddle.bus.amqp_agent import AmqpAgentBus
        from heddle.bus.brokers import brokers

        return AmqpAgentBus(brokers(settings.bus), _key(settings), settings.bus.call_timeout)
    from heddle.bus.local import LocalAgentBus

    return LocalAgentBus(settings.bus_socket, settings.bus.call_timeout)


def asker(settings: Settings, keys: Callable[[Collection[str]], Mapping[str, str]]) -> Asker:
    """The way to ask agents; `keys` gives the secrets of hosts, where a broker stands between.

    Raises `ConfigError` for a bus that does not exist.
    """
    if settings.bus.url:
        from heddle.bus.amqp_ask import AmqpAsker
        from heddle.bus.brokers import brokers

        return AmqpAsker(brokers(settings.bus), keys)
    from heddle.bus.local_ask import LocalAsker

    return LocalAsker(settings.bus_socket)


def _key(settings: Settings) -> str:
    file, host = settings.agent_key_file, settings.host
    mend = f"run `heddle host add {host}` on a server and write what it prints into this file (mode 0600)"
    try:
        key = file.read_text(encoding="ascii").strip()
        open_to_others = file.stat().st_mode & 0o077
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the key of host {host} cannot be read from {file}: {error}: {mend}") from error
    if not key:
        raise ConfigError(f"the key file {file} of host {host} is empty: {mend}")
    if open_to_others:
        raise ConfigError(f"the key file {file} can be read by others: chmod 600 {file}")
    return key
