"""The demo as a user runs it, in a host of its own: start, two tenants, packets, kill -9, a second run, and away.

One host for the whole file: each test goes on where the one before it stopped, as a user would.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.real.testhost import TestHost

TOOLS = ("ovs-vswitchd", "ovsdb-server", "nft", "unshare", "dnsmasq", "radvd", "busybox")
pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(os.geteuid() != 0 or not all(map(shutil.which, TOOLS)), reason="needs root and OVS"),
]

LOOK = "ovs-vsctl list-br; ip netns list; ip -o link | cut -d: -f2; nft list tables; ls /etc/netns 2>&1 || true"


class Site:
    """A host with Heddle in it: all of Heddle's folders are below one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cwd = root / "checkout"
        self.cwd.mkdir()
        self.host = TestHost("demo1")
        self.before = self.host.sh(LOOK)
        self.config = root / "heddle.toml"
        folders = "".join(f'{name} = "{root}/{name}"\n' for name in ("state", "run", "log"))
        self.config.write_text(f'[paths]\n{folders}[server]\nuser = ""\n[agent]\naudit_seconds = 3600\n')

    def heddle(self, *command: str, check: bool = True) -> str:
        done = subprocess.run(
            self.host.enter("env", "-C", str(self.cwd), sys.executable, "-m", "heddle.cli.main", "--config",
                            str(self.config), *command),
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=110, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def openstack(self, cloud: str, *command: str) -> str:
        program = Path(sys.executable).with_name("openstack")
        return self.host.run("env", "-C", str(self.cwd), f"OS_CLOUD={cloud}", str(program), *command, timeout=60)

    def status(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.heddle("status", "--json", check=False))
        return found

    def log(self, name: str) -> str:
        return (self.root / "log" / name).read_text()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("demo"))
    yield made
    made.heddle("stop", check=False)
    made.host.stop()


def until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.1)


def rows(text: str) -> list[str]:
    return [line for line in text.splitlines() if re.match(r" (blue|red|outside)", line)]


def test_the_first_run_meets_every_expectation(site: Site) -> None:
    said = site.heddle("demo")
    assert len(rows(said)) == 23 and "(!)" not in said
    assert "All 23 expectations met" in said
    assert max(map(len, rows(said))) <= 110


def test_status_says_that_all_is_well(site: Site) -> None:
    found = site.status()
    assert found["healthy"] and not found["problems"]
    assert found["counts"]["routers"] == 2  # type: ignore[index]


def test_a_second_run_finds_what_is_there(site: Site) -> None:
    before = site.openstack("admin", "port", "list", "-c", "ID", "-c", "Status", "-f", "value", "--sort-column", "ID")
    said = site.heddle("demo")
    assert "All 23 expectations met" in said
    after = site.openstack("admin", "port", "list", "-c", "ID", "-c", "Status", "-f", "value", "--sort-column", "ID")
    assert before == after


def test_the_client_works_as_the_tenant(site: Site) -> None:
    assert site.openstack("blue", "port", "show", "blue-a", "-c", "status", "-f", "value").strip() == "ACTIVE"
    names = site.openstack("red", "network", "list", "-c", "Name", "-f", "value").split()
    assert sorted(names) == ["lan", "public"]


def test_a_change_can_be_waited_for(site: Site) -> None:
    site.openstack("blue", "port", "set", "--disable", "blue-c")
    assert re.search(r"applied on 1 of 1 hosts after \d+ ms", site.heddle("wait", "port", "blue-c"))
    site.openstack("blue", "port", "set", "--enable", "blue-c")
    found = json.loads(site.heddle("wait", "port", "blue-c", "--json"))
    assert found["state"] == "applied" and found["milliseconds"] < 60_000
    assert "there is no port with the name or id 'none'" in site.heddle("wait", "port", "none", check=False)


def test_figures_for_a_monitoring_system(site: Site) -> None:
    said = site.heddle("metrics")
    assert 'heddle_hosts{state="alive"} 1' in said and re.search(r'heddle_requests_total\{status="201"\} \d+', said)
    found = re.search(r"heddle_commit_to_applied_seconds_count (\d+)", said)
    assert found is not None and int(found[1]) > 0


def test_an_audit_names_what_was_undone_by_hand_and_has_it_repaired(site: Site) -> None:
    """The agent of this host looks by itself once in an hour."""
    assert "0 deviations on 1 of 1 hosts" in site.heddle("audit")
    spaces = site.host.sh("ip netns list").split()
    router, other = (name for name in spaces if name.startswith("qrouter"))
    served = next(name for name in spaces if name.startswith("qdhcp"))
    inside = site.host.sh(f"ip -n {router} -o link | grep -o 'qr-[^:@]*' | head -1").strip()
    address = site.host.sh(f"ip -n {router} -4 -o addr show {inside}").split()[3]
    site.host.sh(f"""
        ip -n {router} route del default
        ip -n {router} addr del {address} dev {inside}
        ip netns exec {router} nft delete table inet heddle
        kill -9 $(ip netns pids {served})
        ip netns del {other}
        ovs-ofctl -O OpenFlow14 del-flows br-int table=33
    """)
    before = site.host.sh("ovs-ofctl -O OpenFlow14 dump-flows br-int table=33")
    said = site.heddle("audit", check=False)
    id, other_id = router.removeprefix("qrouter-"), other.removeprefix("qrouter-")
    for row in (
        rf"router {id} +{router}: route 0.0.0.0/0 via \S+ dev qg-\S+ +missing",
        rf"router {id} +{router}: address {address} on {inside} +missing",
        rf"router {id} +{router}: table inet heddle +changed by hand, or missing",
        rf"router {other_id} +namespace {other} +none of that name",
        rf"network {served.removeprefix('qdhcp-')} +{served}: dnsmasq in {served} +no process",
        r"profile \S+ +table=33 .*nw_src=\S+ .* missing",
    ):
        assert re.search(row, said), said
    assert site.host.sh("ovs-ofctl -O OpenFlow14 dump-flows br-int table=33") == before, "it only looked"
    assert json.loads(site.heddle("audit", "--repair", "--json", check=False))["hosts"][0]["total"] >= 6
    assert "0 deviations on 1 of 1 hosts" in site.heddle("audit")
    assert address in site.host.sh(f"ip -n {router} -4 -o addr show {inside}")


def test_credentials_are_for_their_owner_only(site: Site) -> None:
    files = [*site.cwd.iterdir(), site.root / "state" / "clouds.yaml", site.root / "state-host" / "demo.json"]
    assert {path.name for path in files} >= {"clouds.yaml", "openrc-blue", "openrc-red", "openrc-admin"}
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    secrets = json.loads((site.root / "state-host" / "demo.json").read_text()).values()
    logs = "".join(path.read_text() for path in (site.root / "log").rglob("*.log"))
    assert not [secret for secret in secrets if secret in logs]


def test_a_request_is_found_again_in_both_logs(site: Site) -> None:
    said = site.heddle("guest", "exec", "blue-a", "--", "true")
    assert said == ""
    site.openstack("blue", "port", "set", "--disable", "blue-c")
    site.openstack("blue", "port", "set", "--enable", "blue-c")
    pattern = re.compile(r"request_id=(req-[0-9a-f-]+)")
    lines = [line for line in site.log("server/server.log").splitlines() if "method=PUT path=/v2.0/ports/" in line]
    request = pattern.search(lines[-1])
    assert request is not None
    until(lambda: request[1] in site.log("agent.log"))


def test_traffic_goes_on_when_heddle_is_killed(site: Site) -> None:
    ping = site.host.popen("ip", "netns", "exec", "heddle-guest-blue-a", "ping", "-q", "-i", "0.05", "10.0.1.13",
                           stdout=subprocess.PIPE, text=True)  # fmt: skip
    time.sleep(0.5)
    pid = int(str(site.status()["server"]["process"]))  # type: ignore[index]
    site.host.run("kill", "-9", str(pid))
    until(lambda: not site.status()["server"]["answers"])  # type: ignore[index]
    left = site.host.sh("ps ax -o args | grep '[h]eddle.cli.main .*--parent' || true")
    assert left.strip() == ""
    site.heddle("up", "--detach")
    until(lambda: site.status()["healthy"])
    time.sleep(1)
    site.host.sh("kill -INT $(ip netns pids heddle-guest-blue-a)")
    lost = re.search(r"(\d+) packets transmitted, (\d+) received", ping.communicate(timeout=10)[0])
    assert lost is not None and lost[1] == lost[2], lost and lost[0]


def test_a_second_instance_is_refused(site: Site) -> None:
    pid = site.status()["server"]["process"]  # type: ignore[index]
    assert f"already running on this host as process {pid}" in site.heddle("up", check=False)


def test_down_leaves_the_host_as_it_was(site: Site) -> None:
    site.heddle("down", "--yes")
    assert site.host.sh(LOOK) == site.before
    assert sorted(path.name for path in site.root.iterdir()) == ["checkout", "heddle.toml"]
    assert list(site.cwd.iterdir()) == []
    assert site.host.sh("ps ax -o args | grep -E '[d]nsmasq|[h]eddle.cli' || true") == ""
    assert "nothing of Heddle" in site.heddle("down", "--yes")
