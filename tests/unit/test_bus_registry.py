"""Both sides of the bus are those that the settings ask for; one that does not exist stops the start."""

from __future__ import annotations

import pytest

from heddle.bus.registry import agent_bus, server_bus
from heddle.config import BusSettings, Settings
from heddle.errors import ConfigError


@pytest.mark.parametrize("side", [server_bus, agent_bus])
def test_an_unknown_bus_is_refused_by_both_sides(side: object) -> None:
    assert callable(side)
    with pytest.raises(ConfigError, match="amqp://"):
        side(Settings(bus=BusSettings(url="amqp://broker")))
    assert side(Settings()) is not None
