"""`--target` with a wheel: what of the release that comes is in the way of what is here.

The wheels are built from this checkout: as it is, where all is well, and with everything changed that a check
looks for.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.checks import wheels
from tests.checks.conftest import Look
from tests.checks.wheels import NEXT, REVISION
from tests.engines.servers import engine_name

from heddle import __version__
from heddle.store import migrate
from heddle.store.engine import Store

COMPARED = (
    "configuration-removed", "configuration-renamed", "configuration-defaults", "configuration-policy-target",
    "environment-target", "versions-target", "versions-schema", "database-dry-run",
)  # fmt: skip
ONLY = [word for id in COMPARED for word in ("--only", id)]


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return wheels.source(tmp_path_factory.mktemp("same")).wheel()


@pytest.fixture(scope="module")
def coming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That of a release in which much is changed."""
    return wheels.next_release(tmp_path_factory.mktemp("coming")).wheel()


@pytest.fixture
def set_up(look: Look, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Settings from all three places, and a policy file."""
    monkeypatch.setattr("heddle.checks.database.dry_run.SECONDS", 12.0)
    (tmp_path / "policy.yaml").write_text('"get_agent": "rule:admin_only"\n"get_port": "rule:admin_only"\n')
    (tmp_path / "heddle.toml").write_text(
        f'[identity]\npolicy_file = "{tmp_path}/policy.yaml"\n[network]\nmax_host_routes = 30\n'
        "[agent]\nreport_seconds = 12\n"
    )
    monkeypatch.setenv("HEDDLE_CONFIG", str(tmp_path / "heddle.toml"))
    monkeypatch.setenv("HEDDLE_NETWORK_MAX_DNS_NAMESERVERS", "6")
    look.words = ["agent.audit_seconds=4.5"]
    return look


def test_a_target_that_is_what_runs(set_up: Look, same: Path) -> None:
    found = set_up(*ONLY, "--target", str(same))
    assert {id: each["status"] for id, each in found.items()} == dict.fromkeys(COMPARED, "success"), found
    assert set_up.code == 0 and "nothing to do" in found["database-dry-run"]["details"]
    assert "understands the 9 settings" in found["configuration-removed"]["details"]


def test_what_the_next_release_changes(set_up: Look, coming: Path, tmp_path: Path) -> None:
    found = set_up(*ONLY, "--target", str(coming))
    told = {id: (each["status"], each["details"]) for id, each in found.items()}
    assert told["configuration-removed"][0] == "failure" and set_up.code == 2
    status, details = told["configuration-renamed"]
    assert status == "warning" and details == f"agent.audit_seconds (--set agent.audit_seconds) is called " \
        f"agent.look_seconds since {NEXT}"  # fmt: skip
    assert told["configuration-defaults"] == (
        "warning", f"server.threads is not set, and its default changes from 8 to 16 with {NEXT}"
    )  # fmt: skip
    assert told["configuration-policy-target"] == (
        "failure", f"{tmp_path}/policy.yaml: {NEXT} has no rule get_agent"
    )  # fmt: skip
    assert told["environment-target"][0] == "success"
    assert told["versions-target"][0] == "success" and f"the next one after {__version__}" in told["versions-target"][1]
    assert told["versions-schema"][0] == "success" and REVISION in told["versions-schema"][1]
    status, details = told["database-dry-run"]
    assert status == "failure" and details.endswith("servers of the old version read: hosts.latencies"), details
    assert f"from {migrate.HEAD} to {REVISION}" in details
    locks = {"sqlite": "all tables: no writes"}.get(engine_name(), "hosts: no reads, no writes")
    assert locks in found["database-dry-run"]["evidence"], found["database-dry-run"]


def test_each_setting_that_is_gone_is_named(set_up: Look, coming: Path, capsys: pytest.CaptureFixture[str]) -> None:
    every = set_up.every("--only", "configuration-removed", "--target", str(coming))
    told = {each["evidence"]: each for each in every}
    assert told.keys() == {"network.max_host_routes", "network.max_dns_nameservers"}, told
    assert "heddle.toml" in told["network.max_host_routes"]["details"]
    assert told["network.max_host_routes"]["remedy"] == "Set quota.port instead."
    assert "HEDDLE_NETWORK_MAX_DNS_NAMESERVERS" in told["network.max_dns_nameservers"]["details"]


def test_the_default_of_a_setting_that_is_renamed(look: Look, store: Store, coming: Path) -> None:
    every = look.every("--only", "configuration-defaults", "--target", str(coming))
    assert {each["evidence"] for each in every} == {
        "server.threads: 8 -> 16", "agent.report_seconds: 15.0 -> 20.0", "agent.audit_seconds: 4.0 -> 5.0"
    }, every  # fmt: skip
    assert look.code == 1


def test_the_database_is_left_as_it_was(set_up: Look, store: Store, coming: Path) -> None:
    set_up("--only", "database-dry-run", "--target", str(coming))
    assert migrate.current(store) == migrate.HEAD
    with store.engine.connect() as conn:
        assert "latencies" in {column["name"] for column in sa.inspect(conn).get_columns("hosts")}


def test_a_setting_that_the_target_reads_otherwise(look: Look, store: Store, tmp_path: Path) -> None:
    made = wheels.source(tmp_path / "other")
    made.replace("config.py", "max_routes: int = 30", "max_routes: str = ''")
    look.words = ["network.max_routes=31"]
    assert look("--only", "configuration-removed", "--target", str(made.wheel()))["configuration-removed"][
        "status"] == "success"  # fmt: skip
    made.replace("config.py", "if settings.network.dhcp_hosts < 1:", "if settings.network.max_routes == '31':")
    told = look("--only", "configuration-removed", "--target", str(made.wheel()))["configuration-removed"]
    assert told["status"] == "failure" and "cannot read the settings" in told["details"], told


@pytest.mark.parametrize(("version", "status", "says"), [
    ("0.3.0", "failure", "2 releases later"), ("0.0.9", "failure", f"older than {__version__}"),
])  # fmt: skip
def test_a_release_that_is_not_the_next(
    look: Look, store: Store, tmp_path: Path, version: str, status: str, says: str
) -> None:
    made = wheels.source(tmp_path / "other")
    made.release(version)
    told = look("--only", "versions-target", "--target", str(made.wheel()))["versions-target"]
    assert told["status"] == status and says in told["details"], told


def test_a_target_that_knows_neither_the_agents_nor_the_schema(look: Look, store: Store, tmp_path: Path) -> None:
    made = wheels.source(tmp_path / "other")
    made.replace("view/types.py", "PROTOCOL = 1\n", "PROTOCOL = 7\n")
    last = next((made.folder / "src/heddle/store/migrations/versions").glob(f"{migrate.HEAD}_*.py"))
    last.unlink()
    found = look("--only", "versions-target", "--only", "versions-schema", "--only", "database-dry-run", "--target",
                 str(made.wheel()))  # fmt: skip
    assert found["versions-target"]["status"] == "failure" and "speak version 7" in found["versions-target"]["details"]
    assert found["versions-schema"]["status"] == "failure" and migrate.HEAD in found["versions-schema"]["details"]
    assert found["database-dry-run"]["status"] == "unknown" and look.code == 2


def test_what_only_a_number_says(look: Look, store: Store) -> None:
    found = look(*ONLY, "--target", NEXT)
    assert {each["status"] for each in found.values()} == {"unknown"} and look.code == 255
    assert "path of its wheel" in found["configuration-defaults"]["details"]
    found = look(*ONLY)
    assert {id for id in COMPARED if found[id]["status"] == "not_applicable"} == {*COMPARED} - {"database-dry-run"}
