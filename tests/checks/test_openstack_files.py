"""What can be said of a running OpenStack by its files alone, and of databases and brokers that are away or hang."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.checks.openstack import SECRET, TOKEN, run_check
from tests.checks.test_certificates import certificate

from heddle.checks.openstack import transport
from heddle.checks.openstack.ini import Options
from heddle.checks.registry import registry
from heddle.cli import main as cli
from heddle.errors import ConfigError
from heddle.store.examine import openstack

DATABASE = "[database]\nconnection = mysql+pymysql://u:hunter2@127.0.0.1:1/neutron\n"
QUEUE = "[DEFAULT]\ntransport_url = rabbit://u:hunter2@127.0.0.1:1/\n"
WHOLE = QUEUE + DATABASE + TOKEN
DATABASES = {"database-reachable", "database-engine", "database-numbers", "database-schema", "database-sizes",
             "database-transactions", "network-agents", "network-bindings"}  # fmt: skip


def write(folder: Path, text: str | bytes, name: str = "neutron.conf") -> str:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(file)


def options(folder: Path, *texts: str) -> Options:
    return Options([write(folder, text, f"{number}.conf") for number, text in enumerate(texts)])


def test_values_are_read_as_oslo_config_does(tmp_path: Path) -> None:
    told = options(
        tmp_path,
        "# a comment\n[DEFAULT]\nmy_ip = 192.0.2.1\nhost-name: a\nrepeated = 1\nrepeated = 2\nquoted = ' x '\n; more\n"
        "[Database]\nconnection = mysql://u:p$$w@$my_ip/${DEFAULT.host_name}?$name\nname=n\n"
        "long = a\n  b\n\ncost = \\$5\n",
        "[database]\nname = m\n",
    )
    assert told.get("database", "connection") == "mysql://u:p$w@192.0.2.1/a?m"
    assert (told.get("DEFAULT", "repeated"), told.get("DEFAULT", "quoted")) == ("2", " x ")
    assert (told.get("DATABASE", "long"), told.get("database", "cost")) == ("a\nb", "$5")
    assert told.get("database", "nothing", "else") == "else" and not told.has("nova")
    assert options(tmp_path, "[default]\nhost = a\n").get("DEFAULT", "host") == "", "services do not read it"


@pytest.mark.parametrize(("text", "says"), [
    ("[database]\nconnection\n", "line 2: it is neither"), ("[database\n", "line 1: a section"),
    ("root:x:hunter2\n", "before the first"), (b"\xff\xfe", "no text"), ("[a]\nb = hunter2\0", "no file of settings"),
    ("[a]\n  hunter2\n", "begins with a space"), ("[]\n", "a section is written"),
])  # fmt: skip
def test_a_file_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str | bytes, says: str
) -> None:
    code, found = run_check(capsys, "--neutron-conf", write(tmp_path, text))
    told = next(each for each in found if each["id"] == "configuration-settings")
    assert told["status"] == "failure" and says in told["details"] and "neutron.conf" in told["details"], told
    assert code == 2 and {each["status"] for each in found if each["id"] in DATABASES} == {"unknown"}


def test_a_password_whose_at_sign_is_not_written_so_is_not_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, WHOLE.replace("u:hunter2@127.0.0.1:1/neutron", "u:p@hunter2@127.0.0.1:1/neutron"))
    code, found = run_check(capsys, "--neutron-conf", file, "--only", "database-reachable")
    assert "%40" in found[0]["details"] and "hunter2" not in str(found) and code == 2, found


def test_which_database_is_that_of_a_cell() -> None:
    own = sa.make_url("mysql+pymysql://n:hunter2@db/nova")
    form = "{scheme}://{username}:{password}@{hostname}:{port}/{path}?{query}"
    for text in ("mysql+pymysql://o@db:3306/nova", form):
        assert openstack._same(text, own), text
    for text in ("mysql://db:3307/nova", form):
        assert openstack._same(text, own.set(port=3307)), text
    for text in ("mysql+pymysql://o@db:3307/nova", "{scheme}://x@{hostname}:3307/{path}", "mysql://db2/nova", "None"):
        assert not openstack._same(text, own), text


@pytest.mark.parametrize("file", ["nothing.conf", "."])
def test_a_file_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str) -> None:
    """The other service is looked at all the same."""
    words = ("--neutron-conf", write(tmp_path, WHOLE), "--nova-conf", str(tmp_path / file))
    code, found = run_check(capsys, *words)
    told = [each["status"] for each in found if each["id"] == "configuration-settings"]
    assert told == ["success", "failure"] and code == 2
    mine = [each for each in found if each["id"] == "database-reachable"]
    reached = {each["details"].partition(":")[0]: each["status"] for each in mine}
    assert reached == {"neutron": "failure", "nova": "unknown", "nova_api": "unknown"}


@pytest.mark.parametrize(("text", "status", "says"), [
    (WHOLE, "success", "has what neutron needs"),
    (QUEUE + TOKEN, "failure", "[database] connection is not set"),
    (DATABASE + TOKEN, "warning", "transport_url is not set"),
    (QUEUE + DATABASE, "warning", "no section [keystone_authtoken]"),
    (QUEUE + "auth_strategy = noauth\n" + DATABASE, "success", "needs"),
    (WHOLE.replace("auth_type = password\n", ""), "failure", "no auth_type"),
    (WHOLE.replace("username = u\n", ""), "failure", "no username"),
    (WHOLE.replace("password = hunter2\n", "password = NEUTRON_PASS\n"), "failure", "one of the examples"),
    (WHOLE.replace("password = hunter2\n", ""), "failure", "no password"),
    (WHOLE.replace("@127", "$more@127"), "failure", "a $ in it leads to no option"),
    (WHOLE.replace("[database]", "agent_down_time = soon\n[database]"), "failure", "agent_down_time is not a whole"),
    (WHOLE + "[oslo_messaging_rabbit]\nssl = true\n", "warning", "without ssl_ca_file"),
    (WHOLE + "[oslo_messaging_rabbit]\nrabbit_ha_queues = true\n", "warning", "mirrored queues"),
    (WHOLE + "[oslo_messaging_rabbit]\nrabbit_ha_queues = true\nrabbit_quorum_queue = true\n", "success", "needs"),
])  # fmt: skip
def test_holes(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, status: str, says: str) -> None:
    only = ("--only", "configuration-settings")
    _, (told,) = run_check(capsys, "--neutron-conf", write(tmp_path, text), *only)
    assert told["status"] == status and says in told["details"], told
    assert bool(told["remedy"]) == (status != "success")
    assert told["details"].startswith("neutron: ") == (status != "success")


@pytest.mark.parametrize(("end", "status", "says"), [(99, "success", "1 certificates"), (-1, "failure", "expired on")])
def test_the_certificate_of_the_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], end: int, status: str, says: str
) -> None:
    file = certificate(tmp_path / "ca.pem", timedelta(days=-9), timedelta(days=end))
    text = f"{WHOLE}[oslo_messaging_rabbit]\nssl = true\nssl_ca_file = {file}\n"
    only = ("--only", "environment-certificates")
    _, (told,) = run_check(capsys, "--neutron-conf", write(tmp_path, text), *only)
    assert told["status"] == status and says in told["details"], told


def test_several_files_are_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [part for number, text in enumerate((QUEUE, DATABASE, TOKEN))
             for part in ("--neutron-conf", write(tmp_path, text, f"{number}.conf"))]  # fmt: skip
    _, (told,) = run_check(capsys, *words, "--only", "configuration-settings")
    assert told["status"] == "success", told


def test_which_checks_do_not_apply_and_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = run_check(capsys, "--neutron-conf", write(tmp_path, WHOLE))
    assert {each["id"] for each in found} == registry().keys()
    without = {each["id"] for each in found if each["status"] == "not_applicable"}
    assert without >= {id for id, check in registry().items() if isinstance(check.openstack, str)}
    assert all(each["details"] for each in found) and not without & DATABASES


@pytest.mark.parametrize("engine", ["mysql+pymysql", "postgresql"])
@pytest.mark.parametrize("fault", ["hangs", "refuses"])
def test_what_is_away_or_hangs_takes_less_than_fifteen_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], silent_server: int, engine: str, fault: str
) -> None:
    port = silent_server if fault == "hangs" else 1
    text = WHOLE.replace("mysql+pymysql", engine).replace("127.0.0.1:1/", f"127.0.0.1:{port}/")
    started = time.monotonic()
    code, found = run_check(capsys, "--neutron-conf", write(tmp_path, text))
    assert time.monotonic() - started < 15 and code == 2
    said = {each["id"]: each for each in found}
    assert {said[id]["status"] for id in ("database-reachable", "queue-round-trip")} == {"failure"}
    assert "127.0.0.1" in said["database-reachable"]["details"], said["database-reachable"]
    assert str(port) in said["queue-round-trip"]["details"], said["queue-round-trip"]
    assert {said[id]["status"] for id in DATABASES - {"database-reachable"}} == {"unknown"}
    assert said["configuration-settings"]["status"] == "success"


@pytest.mark.parametrize("wrong", [
    ["check", "--neutron-conf"], ["check", "--neutron-conf", "x", "--json"], ["chekc", "--neutron-conf", "x"],
    ["check", "--neutron-conf", "x", "--target", "0.2.0"], ["check", "--nova-conf", "x", "--only", "nothing"],
])  # fmt: skip
def test_a_wrong_command_line_is_64(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = cli.main(["upgrade", *wrong])
    except SystemExit as end:
        code = int(str(end.code))
    told = capsys.readouterr()
    assert code == 64 and told.out == "" and told.err


@pytest.mark.parametrize("url", [
    "mysql://u:pa@ss:hunter2@h/neutron", "mysql://u:hunter2@h:port/neutron", "hunter2", "u:hunter2@h/neutron",
    "oracle://u:hunter2@h/neutron", "sqlite:////hunter2", "mysql://u@127.0.0.1:1/n?password=hunter2",
    "mysql://u:hunter2$x@h/neutron",
])  # fmt: skip
def test_no_password_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], url: str) -> None:
    """`run_check` looks for it in all that is printed."""
    text = WHOLE.replace("mysql+pymysql://u:hunter2@127.0.0.1:1/neutron", url)
    assert url in text
    _, found = run_check(capsys, "--neutron-conf", write(tmp_path, text))
    said = {each["id"]: each["status"] for each in found}
    assert said["database-reachable"] == "failure" and said["network-agents"] == "unknown"


@pytest.mark.parametrize(("url", "hosts", "vhost"), [
    ("rabbit://u:p%40w@a:5673,v:q@b/heddle", [("a", 5673, "u", "p@w"), ("b", 5672, "v", "q")], "heddle"),
    ("rabbit://u:p@[::1]:5671//", [("::1", 5671, "u", "p")], "/"),
    ("rabbit://", [("localhost", 5672, "guest", "guest")], "/"),
])  # fmt: skip
def test_where_the_brokers_are(url: str, hosts: list[tuple[str, int, str, str]], vhost: str) -> None:
    found = [each.parameters for each in transport.brokers(url, "transport_url", lambda asked: None)]
    told = [(each.host, each.port, each.credentials.username, each.credentials.password) for each in found]
    assert told == hosts and {each.virtual_host for each in found} == {vhost}


@pytest.mark.parametrize(("url", "error"), [
    ("kafka://u:hunter2@h:9092", transport.Foreign), ("hunter2", ConfigError), ("rabbit://u:hunter2@h:x/", ConfigError),
    ("rabbit://u:hunter2@:5672/", ConfigError), ("rabbit://u:12/hunter2@h:5672/", ConfigError),
    ("hunter2!://x", transport.Foreign),
])  # fmt: skip
def test_a_url_that_is_no_rabbits(url: str, error: type[Exception]) -> None:
    with pytest.raises(error, match="transport_url") as caught:
        transport.brokers(url, "transport_url", lambda asked: None)
    assert SECRET not in str(caught.value)
