"""What is wrong on a host is found there: a server and two agents as a user runs them, and each fault for real.

A fault is made on the second host alone.  The check that it concerns says so and names the host, all others say what
they said before.  Not for real are a clock and a Python of its own, which `altered_agent.py` gives to its agent.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from bench.cloud import NAME, Cloud
from tests.checks.conftest import OF_HOSTS, Checks, differing, environment
from tests.checks.test_certificates import certificate
from tests.real.testhost import PATIENCE, TestHost, host, wait_until
from tests.scenarios.test_who_reaches_whom import pytestmark as pytestmark

OTHER = "host2"
NOVA = ("metadata.nova_host=192.0.2.1", "metadata.shared_secret=alike")
PROGRAMS = ("dnsmasq", "ovs-vsctl", "nft", "radvd")
QEMU = f"qemu-system-{platform.machine()}"
WRAPPER = '#!/bin/sh\n[ "$1" != --version ] || {{ {instead}; }}\nexec {program} "$@"\n'


class Hosts:
    """The cloud, its second host, and that host's agent, which can be started anew with other settings."""

    def __init__(self, cloud: Cloud, second: TestHost) -> None:
        self.cloud, self.second = cloud, second
        self.folder = cloud.folder / "second"
        self.bin = self.folder / "bin"
        self.bin.mkdir(parents=True)
        self.first_bin = cloud.folder / "bin"
        self.ca = certificate(self.folder / "ca.pem", timedelta(days=-9), timedelta(days=99))
        for program in PROGRAMS:
            self.wrap(program)
        self._agent: subprocess.Popen[bytes] | None = None
        self.before: Checks = {}

    def wrap(self, program: str, instead: str = "true") -> None:
        """Put before the program, in the PATH of the agent, one that says another version."""
        file = self.bin / program
        file.write_text(WRAPPER.format(instead=instead, program=shutil.which(program)))
        file.chmod(0o755)

    def start(self, *settings: str, by: tuple[str, ...] = ()) -> None:
        """Start the agent, in the place of the one that runs, and wait until it answers."""
        self.stop()
        own = self.folder
        words = [f"paths.{each}={own}/{each}" for each in ("state", "run", "log")]
        words += [f"agent.host={OTHER}", "agent.tunnel_ip=127.0.0.2", f"bus.ca_file={self.ca}", *NOVA, *settings]
        given = [word for each in words for word in ("--set", each)]
        command = [*by, sys.executable, str(Path(__file__).parent / "altered_agent.py"), str(own), *given, "agent"]
        environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        with (own / "agent.log").open("ab") as log:
            self._agent = self.second.popen(*command, stdout=log, stderr=log, env=environment)
        wait_until((own / "run" / ".heddle").exists, 20, "the agent makes its folders")
        if not (own / "run" / "bus.sock").is_symlink():
            (own / "run" / "bus.sock").symlink_to(self.cloud.folder / "run" / "bus.sock")
        wait_until(lambda: self.look("--only", "queue-agents")["queue-agents"]["status"] == "success", 30,
                   f"the agent answers: {(own / 'agent.log').read_text()[-2000:]}", step=0.2)  # fmt: skip

    def stop(self) -> None:
        if self._agent is None:
            return
        children = Path(f"/proc/{self._agent.pid}/task/{self._agent.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(children[0]) if children else self._agent.pid, signal.SIGTERM)
        self._agent.wait(10)
        self._agent = None

    def look(self, *options: str) -> Checks:
        """What `heddle upgrade check` says, by id; of several findings the worst."""
        words = self.cloud._words
        command = [sys.executable, "-m", "heddle.cli.main", *words, "upgrade", "check", "--format", "json", *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60 * PATIENCE, check=False)
        found: Checks = {}
        for each in json.loads(done.stdout)["checks"]:
            if each["id"] not in found or each["result"] > found[each["id"]]["result"]:
                found[each["id"]] = each
        return found

    def tells(self, id: str, status: str, *parts: str) -> None:
        """One check alone says something else than before, of the second host."""
        found = self.look()
        assert differing(self.before, found) - ALONG.get(id, set()) == {id}, found
        told = found[id]
        assert told["status"] == status and told["node"] == OTHER, told
        assert all(part in told["details"] for part in parts), told


# A clock that is wrong is in the reports of the agent as well.
ALONG = {"environment-clock": {"network-hosts"}}


@pytest.fixture(scope="module")
def made() -> Iterator[Hosts]:
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, environment(), clear=True))
        folder = Path(tempfile.mkdtemp(prefix="heddle-hosts-", dir="/var/tmp"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        first, second = (stack.enter_context(host(name)) for name in (NAME, OTHER))
        cloud = Cloud(first, folder, NOVA)
        (folder / "bin").mkdir()
        with patch.dict(os.environ, {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}):
            cloud.start()
        stack.callback(cloud.stop)
        hosts = Hosts(cloud, second)
        (hosts.folder / "log").mkdir()
        second.run("mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=50", "tmpfs", str(hosts.folder / "log"))
        stack.callback(hosts.stop)
        hosts.start()
        hosts.before = hosts.look()
        yield hosts


@pytest.fixture
def hosts(made: Hosts) -> Iterator[Hosts]:
    """With what a test has broken put right again."""
    yield made
    wrong = (made.folder / "clock").exists()
    for name in ("clock", "python"):
        (made.folder / name).unlink(missing_ok=True)
    if wrong:
        wait_until(lambda: made.look("--only", "network-hosts")["network-hosts"]["status"] == "success", 60,
                   "the agent reports with the right clock", step=0.5)  # fmt: skip
    for program in PROGRAMS:
        made.wrap(program)
    for folder in (made.bin, made.first_bin):
        (folder / QEMU).unlink(missing_ok=True)


def test_hosts_that_are_well(made: Hosts) -> None:
    well = dict.fromkeys(OF_HOSTS, "success") | {"environment-qemu": made.before["environment-qemu"]["status"]}
    assert {id: made.before[id]["status"] for id in OF_HOSTS} == well, made.before
    assert f"{platform.release()} on {NAME}, {OTHER}" in made.before["environment-kernel"]["evidence"]
    assert "alike" not in str(made.before)


@pytest.mark.parametrize(
    ("program", "id", "says", "status", "told"),
    [
        ("dnsmasq", "environment-dnsmasq", "Dnsmasq version 2.76", "warning", "dnsmasq 2.76, older than 2.90"),
        ("ovs-vsctl", "environment-openvswitch", "(Open vSwitch) 2.12.0", "failure", "Open vSwitch 2.12.0, older than"),
        ("nft", "environment-nftables", "nftables v0.9.8 (x)", "failure", "nftables 0.9.8, older than 1.0.1"),
        ("radvd", "environment-radvd", "Version: 2.17", "warning", "radvd 2.17, older than 2.19"),
    ],
)  # fmt: skip
def test_a_program_that_is_too_old(hosts: Hosts, program: str, id: str, says: str, status: str, told: str) -> None:
    hosts.wrap(program, f"echo '{says}'; exit")
    hosts.tells(id, status, f"{OTHER} has {told}")


def test_open_vswitch_that_was_updated_and_not_restarted(hosts: Hosts) -> None:
    hosts.wrap("ovs-vsctl", "echo 'ovs-vsctl (Open vSwitch) 99.1.0'; exit")
    hosts.tells("environment-openvswitch", "warning", "99.1.0 is installed")


def test_a_program_that_hangs_or_says_something_else(hosts: Hosts) -> None:
    hosts.wrap("dnsmasq", "sleep 30; exit")
    hosts.tells("environment-dnsmasq", "unknown", "has not ended within 2 s")
    hosts.wrap("dnsmasq", "echo not today; exit 1")
    hosts.tells("environment-dnsmasq", "unknown", "dnsmasq does not tell it, but: not today")


def test_qemu_of_two_versions(hosts: Hosts) -> None:
    for folder, version in ((hosts.first_bin, "7.2.9"), (hosts.bin, "8.2.2")):
        (folder / QEMU).write_text(f"#!/bin/sh\necho 'QEMU emulator version {version}'\n")
        (folder / QEMU).chmod(0o755)
    found = hosts.look()
    assert differing(hosts.before, found) == {"environment-qemu"}, found
    told = found["environment-qemu"]
    assert told["status"] == "warning" and f"7.2.9 on {NAME}; 8.2.2 on {OTHER}" in told["details"], told


def test_a_python_that_is_too_old(hosts: Hosts) -> None:
    (hosts.folder / "python").write_text("3.10.14")
    hosts.tells("environment-python", "failure", "3.10.14, older than 3.11")


@pytest.mark.parametrize(("ahead", "status", "says"), [(-40, "warning", "s behind"), (3600, "failure", "ahead of")])
def test_a_clock_that_is_wrong(hosts: Hosts, ahead: int, status: str, says: str) -> None:
    (hosts.folder / "clock").write_text(str(ahead))
    hosts.tells("environment-clock", status, f"the clock of {OTHER} is", says)


def test_a_disk_that_is_full(hosts: Hosts) -> None:
    log = hosts.folder / "log"
    try:
        hosts.second.sh(f"head -c 950000 /dev/zero > {log}/fill")
        hosts.tells("environment-disk", "failure", f"{OTHER}: file system of {log} ")
        hosts.second.sh(f"rm {log}/fill; for n in $(seq 46); do : > {log}/fill$n; done")
        hosts.tells("environment-disk", "failure", f"{OTHER}: inodes of {log} ")
    finally:
        hosts.second.sh(f"rm -f {log}/fill*")


def test_a_certificate_that_has_expired(hosts: Hosts) -> None:
    right = hosts.ca.read_bytes()
    try:
        certificate(hosts.ca, timedelta(days=-99), timedelta(days=-1))
        hosts.tells("environment-certificates", "failure", f"{OTHER}: bus.ca_file = {hosts.ca}", "expired on")
    finally:
        hosts.ca.write_bytes(right)


def test_a_host_that_waits_for_a_reboot(hosts: Hosts) -> None:
    """In its own /run: no other host, and not this machine."""
    try:
        hosts.second.sh("touch /run/reboot-required; echo linux-image-amd64 > /run/reboot-required.pkgs")
        hosts.tells("environment-reboot", "warning", f"{OTHER} waits for a reboot", "linux-image-amd64")
    finally:
        hosts.second.sh("rm -f /run/reboot-required*")


def test_a_kernel_that_is_too_old(hosts: Hosts) -> None:
    """The kernel itself tells a process of this personality that it is of 2.6."""
    hosts.start(by=("setarch", platform.machine(), "--uname-2.6"))
    hosts.tells("environment-kernel", "failure", f"{OTHER} has Linux 2.6.", "older than 5.16")
    hosts.start()


def test_another_secret(hosts: Hosts) -> None:
    hosts.start("metadata.shared_secret=another")
    found = hosts.look()
    assert differing(hosts.before, found) == {"configuration-secrets"} and found["configuration-secrets"]["result"] == 2
    told = found["configuration-secrets"]["details"]
    assert NAME in told and OTHER in told and "alike" not in str(found) and "another host" not in str(found)
    hosts.start()


def test_settings_that_do_not_go_together(hosts: Hosts) -> None:
    hosts.start("agent.ha_port=9777")
    found = hosts.look()
    assert differing(hosts.before, found) == {"configuration-agreement"}, found
    assert f"9697 on {NAME}; 9777 on {OTHER}" in found["configuration-agreement"]["details"]
    hosts.start("network.base_mac=FA:16:3B:00:00:00")
    hosts.tells("configuration-agreement", "warning", f"fa:16:3b on {OTHER}")
    hosts.start("agent.report_seconds=50")
    hosts.tells("configuration-agreement", "failure", f"agent.report_seconds of {OTHER} is 50")
    hosts.start()


def test_a_host_whose_agent_is_gone_is_unknown_to_all(hosts: Hosts) -> None:
    hosts.stop()
    began = time.monotonic()
    found = hosts.look()
    assert time.monotonic() - began < 15 * PATIENCE
    assert differing(hosts.before, found) == {*OF_HOSTS, "queue-agents"}, found
    assert {found[id]["status"] for id in OF_HOSTS} == {"unknown"}
    assert all(found[id]["node"] == OTHER for id in OF_HOSTS)
    hosts.start()
    assert differing(hosts.before, hosts.look()) == set()
