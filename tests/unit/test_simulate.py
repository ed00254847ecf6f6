"""What `heddle simulate` decides before it starts anything, and how it prints what it found."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from heddle.cli.main import main
from heddle.errors import HeddleError
from heddle.simulate import postgres, rabbitmq
from heddle.simulate.report import text
from heddle.simulate.run import Change, Figures
from heddle.simulate.tenants import host_of


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HEDDLE_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("hosts", [10, 30, 100])
def test_around_each_host_there_is_the_same(hosts: int) -> None:
    names = [f"host{number}" for number in range(hosts)]
    ports = Counter(host_of(names, network, port) for network in range(hosts) for port in range(100))
    assert set(ports.values()) == {100} and ports.keys() == set(names)
    assert all(len({host_of(names, network, port) for port in range(100)}) == 10 for network in range(hosts))


def test_few_hosts_have_ports_of_each_network() -> None:
    assert {host_of(["a", "b", "c"], 7, port) for port in range(100)} == {"a", "b", "c"}


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(postgres, "PROGRAMS", tmp_path)
    monkeypatch.setattr(rabbitmq, "PROGRAM", tmp_path / "rabbitmq-server")
    with pytest.raises(HeddleError, match="apt-get install postgresql"):
        postgres.Postgres()
    with pytest.raises(HeddleError, match="apt-get install rabbitmq-server"):
        rabbitmq.RabbitMq()


@pytest.mark.parametrize("word", ["--hosts", "--ports", "--changes", "--servers"])
def test_a_number_must_be_from_one(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", word, "0"]) == 1
    assert f"{word} 0: give a number from 1" in capsys.readouterr().err


def test_processes_are_not_fewer_than_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--processes", "-1"]) == 1
    assert "--processes -1: give a number from 1" in capsys.readouterr().err


def change(*milliseconds: int) -> Change:
    messages = {"wake": 3.0, "fetch": 2.0, "report": 1.0}
    return Change(milliseconds=[*milliseconds], hosts=3, messages=messages, bytes=1234.0, agents_cpu=5, servers_cpu=6)


def test_the_figures_stand_beside_what_is_wanted() -> None:
    figures = Figures(
        hosts=3, ports=30, members=6, fill_seconds=1, cold_start_seconds=2, cold_start_host_seconds=1.5,
        cold_start_host_ports=10, view_objects=40, active_ports=30, agent_kilobytes=2048, server_kilobytes=1024,
        changes={"port": change(*range(1, 101)), "router": change(2001)}, load={"at the start": 0.5},
        resync_seconds=30,
    )  # fmt: skip
    lines = text(figures)
    port, router = (next(line for line in lines if line.startswith(name)) for name in ("port", "router"))
    assert port.split()[:5] == ["port", "100", "3", "51", "100"] and port.endswith("ok")
    assert router.endswith("MISSED") and "1,234" in router
    assert any("one host of 10 ports 1.50 s" in line and line.endswith("MISSED") for line in lines)
    assert any("2.0 MB per agent with 40 objects" in line for line in lines)
