"""A running OpenStack on PostgreSQL and MariaDB: each fault that its own tools miss is made and seen, and nothing else.

`openstack.py` tells where the form of the tables comes from.  `scripts/engines.sh postgresql mariadb` brings servers.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from jsonschema import Draft202012Validator
from tests.checks.conftest import differing
from tests.checks.openstack import (
    AGENTS,
    CELLS,
    LEVELS,
    SERVICES,
    Cloud,
    agent,
    ago,
    as_told,
    binding,
    built,
    service,
)
from tests.engines.servers import engine_name, server

from heddle.store.examine import openstack

SCHEMA = Path(__file__).parents[2] / "docs" / "checks.schema.json"
LOOKED = {
    "configuration-settings", "database-reachable", "database-engine", "database-numbers", "database-schema",
    "database-sizes", "database-transactions", "network-agents", "network-bindings", "versions-agents",
}  # fmt: skip
# What they say is of the moment: seconds and sizes.
LIVES = {"network-agents", "network-bindings"}

if engine_name() != "sqlite":

    @pytest.fixture
    def cloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cloud]:
        with built(tmp_path, capsys) as made:
            yield made

    def test_a_cloud_that_is_well(cloud: Cloud) -> None:
        """Each check that looks says well of each database, with evidence; the account may only read."""
        every = cloud.every()
        assert cloud.code == 0, [each for each in every if each["status"] not in ("success", "not_applicable")]
        seen = {each["id"] for each in every if each["status"] == "success"}
        assert seen == LOOKED
        for id in ("database-reachable", "database-schema", "database-engine", "database-sizes"):
            named = {each["details"].partition(":")[0] for each in every if each["id"] == id}
            assert named == {"neutron", "nova", "nova_api"}
        Draft202012Validator(json.loads(SCHEMA.read_text())).validate({"name": "upgrade check", "checks": every})

    STAMP = "UPDATE alembic_version SET version_num = '{}'"
    PUT = "INSERT INTO alembic_version VALUES ('{}')"
    FIRST = "DELETE FROM alembic_version WHERE version_num <> '5c85685d616d'"

    @pytest.mark.parametrize(("name", "statements", "says"), [
        ("neutron", ["DELETE FROM alembic_version", PUT.format("kilo")], "the note is too old"),
        ("neutron", [FIRST, PUT.format("354db87e3225")], "networks.qinq is there"),
        ("neutron", [FIRST, PUT.format("bdae3a00c493"), "DROP TABLE local_ips"], "local_ips"),
        ("neutron", [FIRST], "each has one head"),
        ("neutron", ["UPDATE alembic_version SET version_num = '30018084ec99' WHERE version_num = '5c85685d616d'"],
         "contract are pending"),
        ("neutron", ["DROP TABLE alembic_version"], "note of the schema's revision is lost"),
        ("neutron", ["DELETE FROM alembic_version"], "is lost"),
        ("nova", [STAMP.format("8f2f1571d55b")], "console_auth_tokens.tls_port is there"),
        ("nova", ["DROP TABLE share_mapping"], "share_mapping"), ("nova", ["DROP TABLE alembic_version"], "is lost"),
        ("nova", ["DROP TABLE alembic_version", "CREATE TABLE migrate_version (version INT)",
                  "INSERT INTO migrate_version VALUES (402)"], "before Wallaby, but"),
        ("nova_api", [STAMP.format("d67eeaabee36")], "build_requests.security_groups is gone"),
        ("nova_api", ["DROP TABLE alembic_version"], "is lost"),
    ])  # fmt: skip
    def test_a_schema_that_is_not_as_it_is_noted(cloud: Cloud, name: str, statements: list[str], says: str) -> None:
        before = cloud()
        cloud.change(name, *statements)
        found = cloud()
        told = found["database-schema"]
        assert differing(before, found) == {"database-schema"} and cloud.code == 2
        assert told["status"] == "failure" and says in told["details"] and told["details"].startswith(f"{name}: "), told
        assert told["remedy"]

    def test_a_revision_of_a_release_that_is_not_known(cloud: Cloud) -> None:
        cloud.change("nova", STAMP.format("ffffffffffff"))
        told = cloud("--only", "database-schema")["database-schema"]
        assert told["status"] == "unknown" and "nova-manage db version" in told["details"] and cloud.code == 255, told

    def test_nova_before_wallaby(cloud: Cloud) -> None:
        cloud.change("nova", "DROP TABLE alembic_version", "CREATE TABLE migrate_version (version INT)",
                     "INSERT INTO migrate_version VALUES (402)", "DROP TABLE share_mapping", "DROP TABLE instances",
                     "DROP TABLE console_auth_tokens", "DROP TABLE block_device_mapping")  # fmt: skip
        every = [each for each in cloud.every("--only", "database-schema") if each["details"].startswith("nova: ")]
        assert [each["status"] for each in every] == ["success"] and "migrate_version 402" in every[0]["details"], every

    def test_an_agent_that_is_silent(cloud: Cloud) -> None:
        before = cloud()
        since = AGENTS.update().values(heartbeat_timestamp=ago(days=2000))
        cloud.change("neutron", since.where(AGENTS.c.host == "one", AGENTS.c.agent_type == "DHCP agent"))
        found = cloud()
        told = found["network-agents"]
        assert differing(before, found) == {"network-agents"} and cloud.code == 2
        assert told["status"] == "failure" and "DHCP agent of one: silent for 2000 days" in told["details"], told
        assert told["node"] == "one"

    def test_a_compute_host_that_is_silent(cloud: Cloud) -> None:
        before = cloud()
        long = SERVICES.update().values(last_seen_up=ago(days=700), updated_at=ago()).where(SERVICES.c.id == 1)
        cloud.change("nova", long)
        found = cloud()
        told = found["network-agents"]
        assert differing(before, found) == {"network-agents"} and cloud.code == 2
        assert told["status"] == "failure" and "nova: nova-compute of one: silent for 700 days" in told["details"], told
        assert "compute service delete" in told["remedy"]

    @pytest.mark.parametrize(("option", "seconds", "status"), [
        ("", 70, "success"), ("", 90, "failure"), ("agent_down_time = 300\n", 90, "success"),
        ("agent_down_time = 30\n", 70, "failure"), ("", -3600, "warning"),
    ])  # fmt: skip
    def test_how_long_an_agent_may_be_silent(cloud: Cloud, option: str, seconds: int, status: str) -> None:
        cloud.more["neutron"] = option
        cloud.change("neutron", AGENTS.update().values(heartbeat_timestamp=ago(seconds=seconds)))
        assert cloud("--only", "network-agents")["network-agents"]["status"] == status

    def test_the_zone_of_the_database_does_not_matter(cloud: Cloud) -> None:
        if engine_name() == "postgresql":
            name = sa.make_url(cloud.urls["neutron"]).database
            server("postgresql").execute(f"ALTER DATABASE {name} SET timezone = 'Asia/Tokyo'")
            assert cloud("--only", "network-agents")["network-agents"]["status"] == "success"
            return
        server("mariadb").execute("SET GLOBAL time_zone = '+09:00'")
        told = cloud("--only", "network-agents")["network-agents"]
        server("mariadb").execute("SET GLOBAL time_zone = 'SYSTEM'")
        assert told["status"] == "success", told

    @pytest.mark.parametrize(("values", "status", "says"), [
        ({"forced_down": True}, "warning", "is forced down"),
        ({"disabled": True, "last_seen_up": timedelta(days=3)}, "warning", "(it is disabled)"),
        ({"last_seen_up": None, "updated_at": None, "report_count": 0}, "failure", "has never reported"),
        ({"last_seen_up": None, "updated_at": timedelta()}, "success", ""),
        ({"deleted": 1, "last_seen_up": timedelta(days=3)}, "success", ""),
        ({"last_seen_up": timedelta(seconds=80)}, "failure", "silent for"),
    ])  # fmt: skip
    def test_services_of_nova(cloud: Cloud, values: dict[str, Any], status: str, says: str) -> None:
        """A time is so long ago as this test begins, which may be long after its values were read."""
        now = {key: ago() - value if isinstance(value, timedelta) else value for key, value in values.items()}
        cloud.change("nova", SERVICES.update().values(**now).where(SERVICES.c.id == 1))
        told = cloud("--only", "network-agents")["network-agents"]
        assert told["status"] == status and says in told["details"], told

    def test_services_that_tell_another_than_the_database(cloud: Cloud) -> None:
        cloud.more["nova"] = "servicegroup_driver = mc\n"
        told = cloud("--only", "network-agents")["network-agents"]
        assert told["status"] == "unknown" and "servicegroup_driver is mc" in told["details"], told

    def test_a_disabled_agent_may_be_silent(cloud: Cloud) -> None:
        cloud.change("neutron", AGENTS.insert().values(agent("three", at=ago(days=3), up=False)))
        told = cloud("--only", "network-agents")["network-agents"]
        assert told["status"] == "warning" and "(it is disabled)" in told["details"], told

    def test_a_cell_whose_computes_are_elsewhere(cloud: Cloud) -> None:
        cloud.change("nova_api", CELLS.insert().values(
            id=3, uuid="c2", name="cell2", database_connection="mysql+pymysql://n:hunter2@db2/nova_cell2"))
        told = cloud("--only", "network-agents")["network-agents"]
        assert told["status"] == "unknown" and "cell cell2" in told["details"] and "--nova-conf" in told["remedy"], told
        own = CELLS.update().values(database_connection=cloud.places["nova"]).where(CELLS.c.id == 3)
        cloud.change("nova_api", own)
        assert cloud("--only", "network-agents")["network-agents"]["status"] == "success"

    def test_older_computes(cloud: Cloud) -> None:
        before = cloud()
        cloud.change("nova", SERVICES.update().values(version=61).where(SERVICES.c.id == 2))
        found = cloud()
        assert differing(before, found) == {"versions-agents"}
        told = found["versions-agents"]
        assert told["status"] == "warning" and "older are two (61)" in told["details"], told
        cloud.change("nova", SERVICES.insert().values(service(9, "three", "nova-scheduler", version=61)))
        assert "scheduler" not in cloud("--only", "versions-agents")["versions-agents"]["details"]

    @pytest.mark.parametrize(("port", "says"), [
        (binding("p9", "one", vif_type="binding_failed"), "binding failed on host one: port p9"),
        (binding("p9", "nowhere"), "port p9 bound to nowhere, whose Open vSwitch agent would carry them: there is"),
        (binding("p9", "one", "sriovnicswitch"), "whose NIC Switch agent"),
    ])  # fmt: skip
    def test_ports_that_lead_nowhere(cloud: Cloud, port: dict[sa.Table, dict[str, Any]], says: str) -> None:
        before = cloud()
        cloud.change("neutron", *(table.insert().values(row) for table, row in port.items()))
        found = cloud()
        assert differing(before, found) == {"network-bindings"} and cloud.code == 1
        told = found["network-bindings"]
        assert told["status"] == "warning" and says in told["details"] and told["node"] in ("one", "nowhere"), told
        assert "ovn" not in told["details"]

    def test_ports_of_a_host_whose_agent_fell_silent(cloud: Cloud) -> None:
        before = cloud()
        silent = AGENTS.update().values(heartbeat_timestamp=ago(hours=3))
        cloud.change("neutron", silent.where(AGENTS.c.host == "one", AGENTS.c.agent_type == "Open vSwitch agent"))
        found = cloud()
        assert differing(before, found) == {"network-agents", "network-bindings"}
        every = [each["details"] for each in cloud.every("--only", "network-bindings")]
        assert len(every) == 2 and all("silent for 3 h" in each for each in every), every
        cloud.change("neutron", LEVELS.delete().where(LEVELS.c.host == "one"))
        assert cloud("--only", "network-bindings")["network-bindings"]["status"] == "success"

    @pytest.mark.parametrize("fault", ["hangs", "refuses"])
    def test_one_database_and_the_broker_are_dead(cloud: Cloud, silent_server: int, fault: str) -> None:
        """What the others say stands: a silent agent of the database that lives is still found."""
        port = silent_server if fault == "hangs" else 1
        cloud.broker = f"rabbit://u:hunter2@127.0.0.1:{port}/"
        cloud.change("neutron", AGENTS.update().values(heartbeat_timestamp=ago(days=2000)))
        whole = cloud.every("--warnings-ok")
        away = sa.make_url(cloud.places["nova"]).set(host="127.0.0.1", port=port, query={})
        cloud.places["nova"] = away.render_as_string(hide_password=False)
        started = time.monotonic()
        found = cloud.every("--warnings-ok")
        assert time.monotonic() - started < 15 and cloud.code == 2
        lost = dict.fromkeys(LOOKED, "unknown") | {"database-reachable": "failure"}
        for each in found:
            if each["details"].startswith("nova: "):
                assert each["status"] == lost[each["id"]], each
        others = [[(each["id"], each["status"], each["details"].partition(" (")[0]) for each in every
                   if not each["details"].startswith("nova: ") and each["id"] not in LIVES] for every in (whole, found)]
        assert others[0] == others[1] and len(others[0]) > 15
        assert any("silent for 2000 days" in each["details"] for each in found)
        assert {each["status"] for each in found if each["id"] == "queue-round-trip"} == {"failure"}

    def test_a_table_that_is_gone(cloud: Cloud) -> None:
        before = cloud()
        cloud.change("neutron", "DROP TABLE agents")
        found = cloud()
        assert differing(before, found) == {"network-agents", "network-bindings"} and cloud.code == 255
        assert found["network-agents"]["status"] == "unknown" and "agents" in found["network-agents"]["details"]

    def test_an_account_that_is_not_shown_transactions(cloud: Cloud) -> None:
        """With SELECT and nothing else all the others are as they were."""
        before = cloud()
        name = sa.make_url(cloud.places["neutron"]).username
        if engine_name() == "postgresql":
            server("postgresql").execute(f"REVOKE pg_read_all_stats FROM {name}")
        else:
            server("mariadb").execute(f"REVOKE PROCESS ON *.* FROM {name}")
        held = [sa.create_engine(url).connect() for url in cloud.urls.values()]
        found = cloud()
        for each in held:
            each.close()
        assert differing(before, found) == {"database-transactions"}
        assert "GRANT" in found["database-transactions"]["remedy"]

    def test_sessions_may_not_write_even_where_the_account_may(cloud: Cloud) -> None:
        store = openstack.connect(openstack.readable(cloud.urls["neutron"], "x"), 3)
        with store.engine.connect() as conn, pytest.raises(sa.exc.DBAPIError, match=r"(?i)read.only"):
            conn.execute(AGENTS.delete())
        store.close()
        cloud.change("neutron", AGENTS.delete())

    def test_a_transaction_that_is_open_for_long(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("heddle.checks.database.transactions.SECONDS", 1)
        engine = sa.create_engine(cloud.urls["nova"])
        with engine.connect() as conn:
            conn.execute(SERVICES.update().values(version=68))
            time.sleep(2.5)
            told = cloud("--only", "database-transactions")["database-transactions"]
            conn.rollback()
        engine.dispose()
        assert told["status"] == "warning" and told["details"].startswith("nova: open for long"), told

    if engine_name() == "mariadb":

        @pytest.mark.parametrize(("words", "status", "says"), [
            ("ENGINE=MyISAM", "warning", "of MyISAM"), ("CHARACTER SET latin1", "failure", "is not Unicode"),
            ("CHARACTER SET utf8mb3", "warning", "in utf8mb3 and in utf8mb4"), ("", "success", ""),
        ])  # fmt: skip
        def test_tables_that_are_kept_wrongly(cloud: Cloud, words: str, status: str, says: str) -> None:
            cloud.change("nova", f"CREATE TABLE mine (name VARCHAR(9) NOT NULL PRIMARY KEY) {words}")
            told = cloud("--only", "database-engine")["database-engine"]
            assert told["status"] == status and says in told["details"], told

    def test_numbers_that_run_out(cloud: Cloud) -> None:
        fill = {"postgresql": "SELECT setval('services_id_seq', 2140000000)",
                "mariadb": "ALTER TABLE services AUTO_INCREMENT = 2140000000"}  # fmt: skip
        cloud.change("nova", fill[engine_name()])
        told = cloud("--only", "database-numbers")["database-numbers"]
        assert told["status"] == "failure" and told["details"].startswith("nova: services"), told

    def test_an_account_that_the_database_refuses(cloud: Cloud) -> None:
        cloud.places["neutron"] = as_told(cloud.urls["neutron"], "nobody_there")
        told = cloud("--only", "database-reachable")["database-reachable"]
        assert told["status"] == "failure" and told["details"].startswith("neutron: "), told
