"""A small OpenStack to look at: its databases with what Neutron and Nova keep there, and its files.

The tables have the columns that the checks read, by the names and types that the public migrations and models of
openstack/neutron (`db/models/agent.py`, `plugins/ml2/models.py`, `db/migration/alembic_migrations/versions`) and
openstack/nova (`db/main/models.py`, `db/main/migrations`, `db/api/migrations`) give them; of tables that only tell of
which release a schema is, the key alone.  The account in the files may read, and see whose transactions are open.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa
from tests.checks.conftest import Checks
from tests.engines.servers import discard, engine_name, new_database, server

from heddle.cli import main as cli

SECRET = "hunter2"
TOKEN = (
    "[keystone_authtoken]\nauth_type = password\nauth_url = http://127.0.0.1:5000\nusername = u\npassword = hunter2\n"
)
NEUTRON_HEADS = ("5c85685d616d", "ad80a9f07c5c")
HEADS = {"nova": "ab450ba04102", "nova_api": "cdeec0c85668"}


def _table(meta: sa.MetaData, name: str, *columns: str) -> sa.Table:
    """A key, and text columns."""
    return sa.Table(name, meta, sa.Column("id", sa.String(36), primary_key=True),
                    *(sa.Column(column, sa.String(36)) for column in columns))  # fmt: skip


def _revisions(meta: sa.MetaData) -> sa.Table:
    return sa.Table("alembic_version", meta, sa.Column("version_num", sa.String(32), primary_key=True))


NEUTRON = sa.MetaData()
NEUTRON_REVISIONS = _revisions(NEUTRON)
AGENTS = sa.Table(
    "agents", NEUTRON, sa.Column("id", sa.String(36), primary_key=True), sa.Column("agent_type", sa.String(255)),
    sa.Column("binary", sa.String(255)), sa.Column("host", sa.String(255)), sa.Column("admin_state_up", sa.Boolean),
    sa.Column("heartbeat_timestamp", sa.DateTime, nullable=False),
)  # fmt: skip
BINDINGS = sa.Table(
    "ml2_port_bindings", NEUTRON, sa.Column("port_id", sa.String(36), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True), sa.Column("vif_type", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), server_default="ACTIVE", nullable=False),
)  # fmt: skip
DISTRIBUTED = sa.Table(
    "ml2_distributed_port_bindings", NEUTRON, sa.Column("port_id", sa.String(36), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True), sa.Column("vif_type", sa.String(64), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
)  # fmt: skip
LEVELS = sa.Table(
    "ml2_port_binding_levels", NEUTRON, sa.Column("port_id", sa.String(36), primary_key=True),
    sa.Column("host", sa.String(255), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False), sa.Column("driver", sa.String(64)),
)  # fmt: skip
for _name in (
    "standardattributes", "trunks", "portdataplanestatuses", "qos_fip_policy_bindings", "portforwardings",
    "network_segment_ranges", "conntrack_helpers", "subnetpoolrbacs", "address_groups", "portdeviceprofiles",
    "qos_packet_rate_limit_rules", "local_ips", "porthints", "porthardwareoffloadtype", "porttrusted",
):  # fmt: skip
    _table(NEUTRON, _name)
_table(NEUTRON, "networks", "qinq")

NOVA = sa.MetaData()
_revisions(NOVA)
SERVICES = sa.Table(
    "services", NOVA, sa.Column("created_at", sa.DateTime), sa.Column("updated_at", sa.DateTime),
    sa.Column("id", sa.Integer, primary_key=True), sa.Column("host", sa.String(255)),
    sa.Column("binary", sa.String(255)), sa.Column("report_count", sa.Integer, nullable=False),
    sa.Column("disabled", sa.Boolean), sa.Column("deleted", sa.Integer), sa.Column("last_seen_up", sa.DateTime),
    sa.Column("forced_down", sa.Boolean), sa.Column("version", sa.Integer),
)  # fmt: skip
_table(NOVA, "block_device_mapping", "encrypted")
_table(NOVA, "instances", "compute_id")
_table(NOVA, "share_mapping")
_table(NOVA, "console_auth_tokens", "tls_port")

NOVA_API = sa.MetaData()
_revisions(NOVA_API)
CELLS = sa.Table(
    "cell_mappings", NOVA_API, sa.Column("id", sa.Integer, primary_key=True), sa.Column("uuid", sa.String(36)),
    sa.Column("name", sa.String(255)), sa.Column("transport_url", sa.Text), sa.Column("database_connection", sa.Text),
)  # fmt: skip
_table(NOVA_API, "build_requests", "instance_uuid")
TABLES = {"neutron": NEUTRON, "nova": NOVA, "nova_api": NOVA_API}


def ago(**since: int) -> datetime:
    """As oslo.utils notes a moment: UTC, without a zone."""
    return datetime.now(UTC).replace(tzinfo=None) - timedelta(**since)


def agent(
    host: str, kind: str = "Open vSwitch agent", *, at: datetime | None = None, up: bool = True
) -> dict[str, Any]:
    return {"id": f"{host}-{kind}"[:36], "agent_type": kind, "binary": "x", "host": host, "admin_state_up": up,
            "heartbeat_timestamp": at or ago()}  # fmt: skip


def service(number: int, host: str, binary: str = "nova-compute", **more: Any) -> dict[str, Any]:
    plain = {"id": number, "host": host, "binary": binary, "report_count": 7, "disabled": False, "deleted": 0,
             "created_at": ago(days=900), "updated_at": ago(), "last_seen_up": ago(), "forced_down": False,
             "version": 68}  # fmt: skip
    return plain | more


def binding(port: str, host: str, driver: str = "openvswitch", vif_type: str = "ovs") -> dict[sa.Table, dict[str, Any]]:
    level = {"port_id": port, "host": host, "level": 0, "driver": driver}
    return {BINDINGS: {"port_id": port, "host": host, "vif_type": vif_type}} | (
        {LEVELS: level} if vif_type != "binding_failed" else {}
    )


def run_check(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[dict[str, Any]]]:
    """The exit code and what was said; no password is in it."""
    capsys.readouterr()
    with patch.dict("os.environ", clear=False):
        code = cli.main(["upgrade", "check", "--format", "json", *options])
    told = capsys.readouterr()
    assert SECRET not in told.out + told.err
    return code, json.loads(told.out)["checks"]


@dataclass
class Cloud:
    """`urls` of the databases with all rights; `places` and `broker` are what the files say."""

    folder: Path
    capsys: pytest.CaptureFixture[str]
    urls: dict[str, str]
    places: dict[str, str]
    broker: str = "rabbit://nobody:hunter2@127.0.0.1:1/"
    more: dict[str, str] = field(default_factory=lambda: {"neutron": "", "nova": ""})
    code: int = 0

    def change(self, name: str, *statements: Any) -> None:
        """Do something to a database, as its owner."""
        engine = sa.create_engine(self.urls[name])
        with engine.begin() as conn:
            for statement in statements:
                conn.exec_driver_sql(statement) if isinstance(statement, str) else conn.execute(statement)
        engine.dispose()

    def files(self) -> list[str]:
        """The words of the command line."""
        default = f"[DEFAULT]\ntransport_url = {self.broker}\n"
        neutron = f"{default}{self.more['neutron']}[database]\nconnection = {self.places['neutron']}\n{TOKEN}"
        nova = (f"{default}{self.more['nova']}[database]\nconnection = {self.places['nova']}\n"
                f"[api_database]\nconnection = {self.places['nova_api']}\n{TOKEN}")  # fmt: skip
        words = []
        for name, text in (("neutron", neutron), ("nova", nova)):
            (self.folder / f"{name}.conf").write_text(text)
            words += [f"--{name}-conf", str(self.folder / f"{name}.conf")]
        return words

    def every(self, *options: str) -> list[dict[str, Any]]:
        """All that was said, without the broker where there is none."""
        skip = () if self.broker.startswith("rabbit://server") or options else ("--skip", "queue-round-trip")
        self.code, found = run_check(self.capsys, *self.files(), *skip, *options)
        return found

    def __call__(self, *options: str) -> Checks:
        """The worst that each check said."""
        found: Checks = {}
        for each in self.every(*options):
            known = found.get(each["id"])
            if known is None or _rank(each) > _rank(known):
                found[each["id"]] = each
        return found


def _rank(said: dict[str, Any]) -> int:
    return ["not_applicable", "success", "warning", "unknown", "failure"].index(said["status"])


@contextmanager
def built(folder: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cloud]:
    """A cloud that is well: two hosts with agents and computes, ports bound to them, one cell."""
    urls = {name: new_database() for name in TABLES}
    with reader() as account:
        places = {name: as_told(url, account) for name, url in urls.items()}
        cloud = Cloud(folder, capsys, urls, places)
        for name, meta in TABLES.items():
            engine = sa.create_engine(urls[name])
            meta.create_all(engine)
            engine.dispose()
        _fill(cloud)
        yield cloud
        for url in urls.values():
            discard(url)


def _fill(cloud: Cloud) -> None:
    stamp = "INSERT INTO alembic_version VALUES ('{}')"
    cloud.change("neutron", *map(stamp.format, NEUTRON_HEADS))
    for name, head in HEADS.items():
        cloud.change(name, stamp.format(head))
    kinds = ("Open vSwitch agent", "DHCP agent")
    cloud.change("neutron", *(AGENTS.insert().values(agent(host, kind)) for host in ("one", "two") for kind in kinds))
    for each in (binding("p1", "one"), binding("p2", "two"), binding("p3", "elsewhere", "ovn")):
        cloud.change("neutron", *(table.insert().values(row) for table, row in each.items()))
    cloud.change("neutron", DISTRIBUTED.insert().values(port_id="d1", host="one", vif_type="ovs", status="ACTIVE"),
                 LEVELS.insert().values(port_id="d1", host="one", level=0, driver="openvswitch"))  # fmt: skip
    rows = [service(1, "one"), service(2, "two"), service(3, "control", "nova-conductor"),
            service(4, "0.0.0.0", "nova-osapi_compute", last_seen_up=None, updated_at=None, report_count=0),
            service(5, "gone", last_seen_up=ago(days=800), deleted=5)]  # fmt: skip
    cloud.change("nova", *(SERVICES.insert().values(row) for row in rows))
    form = "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}"
    cloud.change("nova_api", CELLS.insert().values(id=1, uuid=f"{0:08}-0000-0000-0000-{0:012}", name="cell0",
                                                   database_connection="mysql+pymysql://n:hunter2@db/nova_cell0"),
                 CELLS.insert().values(id=2, uuid="c1", name="cell1", database_connection=form))  # fmt: skip


@contextmanager
def reader() -> Iterator[str]:
    """An account with a password that may read all databases, see whose transactions are open, and no more."""
    made, name = server(engine_name()), "looker"
    if engine_name() == "postgresql":
        made.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{SECRET}'", f"GRANT pg_read_all_data TO {name}",
                     f"GRANT pg_read_all_stats TO {name}")  # fmt: skip
    else:
        made.execute(f"CREATE USER {name} IDENTIFIED BY '{SECRET}'", f"GRANT SELECT, PROCESS ON *.* TO {name}")
    try:
        yield name
    finally:
        made.execute(f"DROP {'ROLE' if engine_name() == 'postgresql' else 'USER'} {name}")


def as_told(url: str, account: str) -> str:
    """As OpenStack's files have it: with a driver of its own, and words that are not ours."""
    driver = "postgresql+psycopg2" if engine_name() == "postgresql" else "mysql+pymysql"
    found = sa.make_url(url).set(drivername=driver, username=account, password=SECRET)
    return found.update_query_dict({"plugin": "dbcounter"}).render_as_string(hide_password=False)
