"""Which bus the settings ask for."""

from __future__ import annotations

from heddle.bus.base import AgentBus, ServerBus
from heddle.config import Settings
from heddle.errors import ConfigError


def server_bus(settings: Settings) -> ServerBus:
    """The server's side, not started.  Raises `ConfigError` for a bus that does not exist."""
    _check(settings)
    from heddle.bus.local import LocalServerBus

    return LocalServerBus(settings.bus_socket)


def agent_bus(settings: Settings) -> AgentBus:
    """The agent's side, not started.  Raises `ConfigError` for a bus that does not exist."""
    _check(settings)
    from heddle.bus.local import LocalAgentBus

    return LocalAgentBus(settings.bus_socket, settings.bus.call_timeout)


def _check(settings: Settings) -> None:
    if settings.bus.url:
        raise ConfigError(f"bus.url={settings.bus.url!r}: leave it empty for the Unix socket, the only bus there is")
