"""Both sides of the bus are those that the settings ask for; what cannot be one stops the start, with what to do."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from heddle.bus import management
from heddle.bus.amqp_agent import AmqpAgentBus
from heddle.bus.amqp_server import AmqpServerBus
from heddle.bus.brokers import brokers
from heddle.bus.local import LocalAgentBus, LocalServerBus
from heddle.bus.registry import agent_bus, server_bus
from heddle.config import Agent, BusSettings, Settings
from heddle.errors import ConfigError

URL = "amqp://agent:s%40cret@broker1/cloud,amqps://agent:s%40cret@[fd00::2]:5999"


@pytest.fixture
def key(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text("the-key\n")
    file.chmod(0o600)
    return file


def settings(key: Path, url: str = URL) -> Settings:
    return Settings(bus=BusSettings(url=url), agent=Agent(key_file=str(key), host="h1"))


def test_without_a_broker_it_is_the_socket_of_this_machine() -> None:
    assert isinstance(server_bus(Settings()), LocalServerBus) and isinstance(agent_bus(Settings()), LocalAgentBus)


def test_with_brokers_it_is_amqp(key: Path) -> None:
    assert isinstance(server_bus(settings(key)), AmqpServerBus) and isinstance(agent_bus(settings(key)), AmqpAgentBus)


def test_what_a_url_says() -> None:
    first, second = brokers(BusSettings(url=URL))
    assert (first.shown, second.shown) == ("amqp://broker1:5672/cloud", "amqps://[fd00::2]:5999")
    assert (first.parameters.virtual_host, second.parameters.virtual_host) == ("cloud", "/")
    assert first.parameters.credentials.password == "s@cret"
    assert first.parameters.ssl_options is None and second.parameters.ssl_options is not None


@pytest.mark.parametrize("side", [server_bus, agent_bus])
@pytest.mark.parametrize(
    "url",
    ["amqp://broker", "amqp://user@broker", "http://user:se-cret@broker", "amqp://user:se-cret@broker:port", " , ",
     "amqp://user:se-cret@broker/v?heartbeat=1", "amqp://user:[se-cret]@broker", "amqp://user:se-cret[@broker",
     "amqp://user:se-cret\u2100@broker"],
)  # fmt: skip
def test_a_url_that_names_no_broker(side: Callable[[Settings], object], url: str, key: Path) -> None:
    with pytest.raises(ConfigError, match="amqp://user:password@broker") as caught:
        side(settings(key, url))
    assert "se-cret" not in str(caught.value) + str(caught.value.__cause__)


@pytest.mark.parametrize("password", ["[se-cret]", "se-cret[", "se-cret\u2100", "se-cret/"])
def test_a_url_of_the_management_that_is_none(password: str) -> None:
    bus = BusSettings(url=URL, management_url=f"http://user:{password}@broker:15672")
    with pytest.raises(ConfigError, match=r"bus\.management_url.*http://user:password@broker") as caught:
        management.queues(bus)
    assert "se-cret" not in "".join(traceback.format_exception(caught.value))


def test_files_for_tls_that_are_not_there(key: Path, tmp_path: Path) -> None:
    bus = BusSettings(url="amqps://a:b@broker", ca_file=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError, match=r"none\.pem"):
        server_bus(Settings(bus=bus))
    with pytest.raises(ConfigError, match="belong together"):
        server_bus(Settings(bus=BusSettings(url="amqps://a:b@broker", cert_file=str(key))))


def test_an_agent_needs_its_key(key: Path) -> None:
    key.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        agent_bus(settings(key))
    key.chmod(0o600)
    key.write_text("")
    with pytest.raises(ConfigError, match="heddle host add h1"):
        agent_bus(settings(key))
    key.unlink()
    with pytest.raises(ConfigError, match="heddle host add h1"):
        agent_bus(settings(key))
