"""What is wrong with settings and policy is a finding, and takes nothing else down with it than what needs them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.checks.conftest import Look

from heddle.store.engine import Store


def test_settings_that_cannot_be_read(
    look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "heddle.toml"
    monkeypatch.setenv("HEDDLE_CONFIG", str(file))
    file.write_text("[server]\nthreads = 8\n")
    assert look()["configuration-settings"]["status"] == "success"
    for text, says in (("[server]\nthraeds = 8\n", "thraeds"), ("[server\n", "not valid TOML"),
                       ("[server]\nthreads = 'many'\n", "int")):  # fmt: skip
        file.write_text(text)
        found = look()
        told = found["configuration-settings"]
        assert told["status"] == "failure" and says in told["details"] and told["evidence"] == str(file)
        others = {each["status"] for id, each in found.items() if id != "configuration-settings"}
        assert others == {"unknown", "not_applicable"} and look.code == 2
        asks = {id for id, each in found.items() if each["status"] == "not_applicable"}
        assert all("no --target" in found[id]["details"] for id in asks)
    file.unlink()
    assert "No such file" in look()["configuration-settings"]["details"]


def test_the_policy_file(look: Look, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    look.words = [f"identity.policy_file={file}"]
    for text, status, says in (
        ('"get_agent": "rule:admin_only"\n', "success", "1 rules"),
        ('"get_agnet": "rule:admin_only"\n', "warning", "get_agnet"),
        ('"get_agent": "rule:nobody_knows"\n', "failure", "get_agent"),
    ):
        file.write_text(text)
        told = look()["configuration-policy"]
        assert told["status"] == status and says in told["details"], told
