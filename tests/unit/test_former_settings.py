"""Settings of earlier releases are read under their former names, and one that is gone says what to do instead."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from heddle import config, former_settings
from heddle.checks.target.itself import options
from heddle.errors import ConfigError
from heddle.former_settings import Former

FORMER = (
    Former("agent.look_seconds", "0.2.0", now="agent.glance_seconds"),
    Former("agent.glance_seconds", "0.3.0", now="agent.audit_seconds"),
    Former("old_network.mtu", "0.2.0", now="network.path_mtu"),
    Former("server.greeting", "0.2.0", instead="Greet in the catalog."),
)


@pytest.fixture(autouse=True)
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(former_settings, "FORMER", FORMER)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "heddle.toml"


@pytest.mark.parametrize("name", ["look_seconds", "glance_seconds"])
def test_a_former_name_in_each_place(file: Path, caplog: pytest.LogCaptureFixture, name: str) -> None:
    file.write_text(f"[agent]\n{name} = 7\n")
    with caplog.at_level(logging.WARNING):
        assert config.load(str(file), environ={}).agent.audit_seconds == 7.0
    assert f"settings file {file}: the setting agent.{name}" in caplog.text and "agent.audit_seconds" in caplog.text
    environ = {f"HEDDLE_AGENT_{name.upper()}": "8"}
    assert config.load(str(file), environ=environ).agent.audit_seconds == 8.0
    assert config.load(str(file), [f"agent.{name}=9"], environ).agent.audit_seconds == 9.0


def test_a_section_that_is_no_more(file: Path) -> None:
    file.write_text("[old_network]\nmtu = 1400\n")
    assert config.load(str(file), environ={}).network.path_mtu == 1400
    assert config.load(environ={"HEDDLE_OLD_NETWORK_MTU": "1300"}).network.path_mtu == 1300
    file.write_text("[old_network]\nmut = 1400\n")
    with pytest.raises(ConfigError, match="old_network"):
        config.load(str(file), environ={})


def test_both_names_in_one_file(file: Path) -> None:
    file.write_text("[agent]\nlook_seconds = 7\naudit_seconds = 8\n")
    with pytest.raises(ConfigError, match=r"agent\.look_seconds and agent\.audit_seconds are one setting"):
        config.load(str(file), environ={})


def test_a_setting_that_is_gone(file: Path) -> None:
    file.write_text('[server]\ngreeting = "hello"\n')
    for words in ((str(file), (), {}), (None, ["server.greeting=x"], {}), (None, (), {"HEDDLE_SERVER_GREETING": "x"})):
        with pytest.raises(ConfigError, match=r"no setting server.greeting since 0.2.0: Greet in the catalog\."):
            config.load(*words)


def test_what_is_set_and_where(file: Path) -> None:
    file.write_text("[agent]\nlook_seconds = 7\n")
    found = config.given(str(file), ["server.port=1"], {"HEDDLE_NETWORK_LOG_RATE_LIMIT": "200"})
    assert found == {
        "agent.look_seconds": str(file), "server.port": "--set server.port",
        "network_log.rate_limit": "environment variable HEDDLE_NETWORK_LOG_RATE_LIMIT",
    }  # fmt: skip


def test_the_table_of_this_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    names = {option.name for option in options()}
    for former in former_settings.FORMER:
        assert former.name not in names and (not former.now or former_settings.name_today(former.now, "x") in names)
    assert {"network_log.rate_limit", "agent.audit_seconds"} <= names
