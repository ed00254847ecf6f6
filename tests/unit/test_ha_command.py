"""`heddle ha rotate-key` where there is nothing to be done, and with what it cannot do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import pytest

from heddle.cli import ha
from heddle.cli import main as cli
from heddle.config import load
from heddle.control import ha_keys, reports
from heddle.store.engine import Store
from heddle.view.types import ReportRequest, RoleState


def test_a_cloud_without_such_routers_has_no_key(migrated: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert cli.main([*migrated, "ha", "rotate-key"]) == 1
    said = capsys.readouterr()
    assert "no highly available routers yet" in said.err and not said.out


def test_a_time_that_is_none(migrated: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*migrated, "ha", "rotate-key", "--timeout", "-1"]) == 1
    assert "--timeout -1: write seconds, 0 or more" in capsys.readouterr().err


Report = Callable[..., None]


@pytest.fixture
def store(migrated: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The database of a cloud that has a key."""
    monkeypatch.setattr(ha, "SETTLE", 0.0)
    made = Store(load(overrides=migrated[1::2], environ={}, file=None).database_url)
    made.write(ha_keys.ensure)
    yield made
    made.close()


@pytest.fixture
def report(migrated: list[str], store: Store) -> Report:
    """An agent that has just been started reports."""
    starts = count(1)
    settings = load(overrides=migrated[1::2], environ={}, file=None)

    def say(host: str, release: str, role: str = "switch") -> None:
        roles = [RoleState(role=role)]
        reports.report(store, settings, ReportRequest(host=host, roles=roles, release=release, started_at=next(starts)))

    return say


def kept(store: Store) -> tuple[str, str]:
    with store.read() as tx:
        return ha_keys.state(tx), ha_keys.q.keys(tx).key


@pytest.mark.parametrize("role", ["switch", "bridge"])
def test_it_waits_for_agents_that_can_take_another_key(
    migrated: list[str], store: Store, report: Report, role: str, capsys: pytest.CaptureFixture[str]
) -> None:
    report("new1", "0.1.0")
    report("old1", "", role)
    before = kept(store)
    assert cli.main([*migrated, "ha", "rotate-key"]) == 1
    said = capsys.readouterr()
    assert "cannot take another key: old1. Upgrade" in said.err and kept(store) == before
    report("old1", "0.1.0", role)
    assert cli.main([*migrated, "ha", "rotate-key"]) == 0
    assert kept(store)[0] == ha_keys.DONE and kept(store)[1] != before[1]


def test_one_that_comes_between_the_steps_holds_it_up(
    migrated: list[str], store: Store, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    report("h1", "0.1.0")
    store.write(lambda tx: ha_keys.advance(tx, ha_keys.DONE))
    report("h2", "")
    before = kept(store)
    assert cli.main([*migrated, "ha", "rotate-key"]) == 1
    assert "h2" in capsys.readouterr().err and kept(store) == before == (ha_keys.TOLD, before[1])
    assert cli.main([*migrated, "ha", "rotate-key", "--without", "h2"]) == 0
    assert kept(store)[0] == ha_keys.DONE and kept(store)[1] != before[1]


def test_a_host_that_is_none_cannot_be_left_out(
    migrated: list[str], store: Store, report: Report, capsys: pytest.CaptureFixture[str]
) -> None:
    report("h1", "0.1.0")
    before = kept(store)
    assert cli.main([*migrated, "ha", "rotate-key", "--without", "h1", "--without", "hh1"]) == 1
    assert "no host is named hh1" in capsys.readouterr().err and kept(store) == before
    assert cli.main([*migrated, "ha", "rotate-key", "--without", "h1"]) == 0
