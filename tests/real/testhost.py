"""A test host: network, mount, uts, pid and ipc namespaces of its own, with its own Open vSwitch.

It starts in less than a second, and everything in it ends with its first process.  `/run` is its own,
so that the names of `ip netns` and the sockets of Open vSwitch are private; other paths are shared
with the machine, so that a socket below `tmp_path` reaches from the host to the test and back.

The datapath is the userspace one unless TEST_DATAPATH says "system": then it is the kernel's, of which every
network namespace has its own.  TEST_PATIENCE multiplies the waits, for a machine that is slow.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

INIT = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755,size=256m tmpfs /run
mkdir -p /run/openvswitch /run/netns /run/lock /etc/openvswitch /etc/netns /var/log/openvswitch
for d in /etc/openvswitch /etc/netns /var/log/openvswitch; do mount -t tmpfs -o mode=755 tmpfs $d; done
mkdir -p /run/.cg; mount --rbind /sys/fs/cgroup /run/.cg
mount -t sysfs sysfs /sys; mount --rbind /run/.cg /sys/fs/cgroup || true
hostname "$1"
ip link set lo up
sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0
ulimit -c 0
if [ "$2" = ovs ]; then
ovsdb-tool create /etc/openvswitch/conf.db /usr/share/openvswitch/vswitch.ovsschema
ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --no-chdir --detach \
  --pidfile --log-file -vconsole:off -vsyslog:off -vfile:info
ovs-vsctl --no-wait init
ovs-vswitchd unix:/run/openvswitch/db.sock --no-chdir --detach --pidfile --log-file \
  -vconsole:off -vsyslog:off -vfile:info $4
fi
touch "$3"
trap 'exit 0' TERM
while :; do sleep 3600 & wait $!; done
"""

DATAPATH = os.environ.get("TEST_DATAPATH", "netdev")
PATIENCE = float(os.environ.get("TEST_PATIENCE") or 1)


class TestHost:
    """One host.  `run` runs a command in it and returns its output; `popen` leaves one running."""

    __test__ = False

    def __init__(self, name: str = "host1", ovs: bool = True) -> None:
        self.name = name
        self._folder = Path(tempfile.mkdtemp(prefix="heddle-test-"))
        started = self._folder / "started"
        script = self._folder / "init.sh"
        script.write_text(INIT, encoding="utf-8")
        namespaces = ["-n", "-m", "-u", "-p", "-i", "--fork", "--kill-child", "--mount-proc"]
        self._log = (self._folder / "log").open("wb")
        self._outer = subprocess.Popen(
            ["unshare", *namespaces, "sh", str(script), name, "ovs" if ovs else "none", str(started),
             "" if DATAPATH == "system" else "--disable-system"],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log, start_new_session=True,
        )
        self._children: list[subprocess.Popen[Any]] = []
        try:
            wait_until(lambda: started.exists() or self._outer.poll() is not None, 20, "the test host starts")
            self.pid = int(self._read_children().split()[0])
        except (IndexError, AssertionError) as error:
            text = (self._folder / "log").read_text(encoding="utf-8")
            self.stop()
            raise RuntimeError(f"test host {name} did not start: {text}") from error

    def _read_children(self) -> str:
        return Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text(encoding="ascii")

    def enter(self, *command: str) -> list[str]:
        """The command line that runs `command` in this host."""
        return ["nsenter", "-t", str(self.pid), "-n", "-m", "-u", "-p", "-i", "--", *command]

    def run(self, *command: str, check: bool = True, input: str | None = None, timeout: float = 30) -> str:
        """Run in the host; returns stdout and stderr.  Raises when it fails, unless `check` is false."""
        done = subprocess.run(
            self.enter(*command), input=input, text=True, timeout=timeout * PATIENCE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **({} if input is not None else {"stdin": -3}),
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}: {done.stdout}")
        return done.stdout

    def sh(self, script: str, check: bool = True, timeout: float = 60) -> str:
        return self.run("sh", "-ec", script, check=check, timeout=timeout)

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[Any]:
        child = subprocess.Popen(self.enter(*command), **options)
        self._children.append(child)
        return child

    def python(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """A Python process of this environment, in the host."""
        return self.popen(sys.executable, *arguments, **options)

    def plug(
        self, name: str, mac: str, cidrs: Sequence[str], port_id: str, mtu: int = 1450, gateway: str = ""
    ) -> None:
        """Plug a guest: a namespace with addresses set by hand, its veth on br-int with the port's id."""
        self.add_guest(name, mac, cidrs, mtu, gateway)
        self.run("ovs-vsctl", *plug_arguments(name, mac, port_id))

    def add_guest(self, name: str, mac: str, cidrs: Sequence[str], mtu: int = 1450, gateway: str = "") -> None:
        lines = [f"ip netns add {name}; ip -n {name} link set lo up"]
        lines.append(f"ip link add p-{name} mtu {mtu} type veth peer name eth0 mtu {mtu} netns {name} address {mac}")
        lines.append(f"ip netns exec {name} sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.eth0.accept_dad=0")
        lines.append(f"ip link set p-{name} up; ip netns exec {name} ethtool -K eth0 tx off >/dev/null")
        lines.append(f"ip -n {name} link set eth0 up")
        lines += [f"ip -n {name} addr add {cidr} dev eth0" for cidr in cidrs]
        if gateway:
            lines.append(f"ip -n {name} route add default via {gateway}")
        self.sh("\n".join(lines))

    def start_vswitchd(self) -> None:
        """After it was killed."""
        options = "" if DATAPATH == "system" else " --disable-system"
        self.sh("ovs-vswitchd unix:/run/openvswitch/db.sock --no-chdir --detach --pidfile --log-file -vconsole:off "
                f"-vsyslog:off -vfile:info{options}")  # fmt: skip

    def start_ovsdb(self) -> None:
        """After it was killed."""
        self.sh("ovsdb-server /etc/openvswitch/conf.db --remote=punix:/run/openvswitch/db.sock --no-chdir --detach "
                "--pidfile --log-file -vconsole:off -vsyslog:off -vfile:info")  # fmt: skip

    def kill(self, program: str) -> None:
        """`ovs-vswitchd` or `ovsdb-server`, at once; it is gone then."""
        self.sh(f"pid=$(cat /run/openvswitch/{program}.pid); kill -9 $pid; while kill -0 $pid 2>/dev/null; do :; done")

    def freeze(self) -> None:
        """All its processes stand still."""
        self.sh("kill -STOP -1")

    def thaw(self) -> None:
        """They go on; so do those that entered for them, which stand still when their child does."""
        self.sh("kill -CONT -1")
        for child in self._children:
            if child.poll() is None:
                child.send_signal(signal.SIGCONT)

    def unplug(self, name: str) -> None:
        self.sh(f"ovs-vsctl --if-exists del-port p-{name}; ip link del p-{name}; ip netns del {name}")

    def guest(self, name: str, *command: str, check: bool = False, timeout: float = 30) -> str:
        return self.run("ip", "netns", "exec", name, *command, check=check, timeout=timeout)

    def pings(self, name: str, address: str, count: int = 1, wait: float = 1) -> bool:
        """Whether each of `count` pings is answered within `wait` seconds."""
        text = self.guest(name, "ping", "-n", "-c", str(count), "-i", "0.05", "-W", str(wait * PATIENCE), address)
        return f"{count} received" in text

    def stop(self) -> None:
        for child in self._children:
            if child.poll() is None:
                child.kill()
            child.wait()
        with contextlib.suppress(ProcessLookupError, IndexError, OSError):
            os.kill(int(self._read_children().split()[0]), signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            self._outer.kill()
        self._outer.wait()
        self._log.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def plug_arguments(name: str, mac: str, port_id: str) -> list[str]:
    ids = {"iface-id": port_id, "attached-mac": f'"{mac}"', "iface-status": "active"}
    settings = [f"external_ids:{key}={value}" for key, value in ids.items()]
    return ["--", "add-port", "br-int", f"p-{name}", "--", "set", "Interface", f"p-{name}", *settings]


def wait_until(condition: Callable[[], Any], seconds: float, what: str, step: float = 0.01) -> Any:
    """The first true value of `condition`.  Raises `AssertionError` naming `what` after `seconds`."""
    end = time.monotonic() + seconds * PATIENCE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds * PATIENCE:g} s: {what}")
        time.sleep(step)


@contextlib.contextmanager
def host(name: str = "host1", ovs: bool = True) -> Iterator[TestHost]:
    """A test host that is always removed."""
    made = TestHost(name, ovs)
    try:
        yield made
    finally:
        made.stop()


def join(
    one: TestHost, other: TestHost, device: str = "eth0", bridge: str = "br-phy", net: int = 0, mtu: int = 1600
) -> None:
    """A cable between two hosts, on a bridge of each (not ours): 172.31.<net>.1 and .2, fd31:<net>::1 and ::2.

    Userspace tunnels need the tunnel's address on a bridge of Open vSwitch, and nobody else at its device.
    """
    cable = ["type", "veth", "peer", "name", device, "mtu", str(mtu), "netns", str(other.pid)]
    subprocess.run(
        ["ip", "link", "add", device, "mtu", str(mtu), "netns", str(one.pid), *cable], check=True, stdin=-3
    )
    for number, each in ((1, one), (2, other)):
        each.sh(f"""
            sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1
            hook='{{ type filter hook ingress device {device} priority -500; policy drop; }}'
            [ {DATAPATH} != netdev ] || nft "add table netdev underlay; add chain netdev underlay {device} $hook"
            ip link set {device} up
            ovs-vsctl add-br {bridge} -- set bridge {bridge} datapath_type={DATAPATH} fail-mode=standalone \
              -- add-port {bridge} {device}
            ip addr add 172.31.{net}.{number}/24 dev {bridge}
            ip addr add fd31:{net}::{number}/64 dev {bridge} nodad
            ip link set {bridge} up mtu {mtu}
        """)
