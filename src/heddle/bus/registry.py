"""Which bus the settings ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from heddle.bus.base import AgentBus, ServerBus
from heddle.config import Settings
from heddle.errors import ConfigError

if TYPE_CHECKING:
    from heddle.bus.relay import Relay, RelayBus


def server_bus(settings: Settings) -> ServerBus:
    """The server's side, not started.  Raises `ConfigError` for a bus that does not exist."""
    _check(settings)
    from heddle.bus.local import LocalServerBus

    return LocalServerBus(settings.bus_socket)


def worker_bus(settings: Settings) -> RelayBus:
    """The bus of a server process that is not the first, not started.  Raises `ConfigError` like `server_bus`."""
    _check(settings)
    from heddle.bus.relay import RelayBus

    return RelayBus(settings.relay_socket)


def relay(settings: Settings, bus: ServerBus) -> Relay:
    """What brings the wake-ups of other server processes to the first one's bus, not started."""
    from heddle.bus.relay import Relay

    return Relay(settings.relay_socket, bus.wake)


def agent_bus(settings: Settings) -> AgentBus:
    """The agent's side, not started.  Raises `ConfigError` for a bus that does not exist."""
    _check(settings)
    from heddle.bus.local import LocalAgentBus

    return LocalAgentBus(settings.bus_socket, settings.bus.call_timeout)


def _check(settings: Settings) -> None:
    if settings.bus.url:
        raise ConfigError(f"bus.url={settings.bus.url!r}: leave it empty for the Unix socket, the only bus there is")
