"""A cloud of several hosts on one machine: each host is a test host with its own Open vSwitch and a real agent.

    underlay   a namespace with two bridges: `mgmt`, where the broker and the API are, and `data`, between the hosts
    control    a host without Open vSwitch: `heddle server` (one or several), RabbitMQ; PostgreSQL on a Unix socket
    host1 …    mgmt0 10.98.0.N, and eth0 on a bridge br-phy of its own with 172.31.0.N, where its tunnels end; one with
               Linux bridges has no Open vSwitch, and 172.31.0.N on eth0

Everything is started as an operator starts it: settings files, `heddle host add`, `heddle server`, `heddle agent`.
The API is reached through a port of the loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.engines.brokers import Broker
from tests.load.processes import free_port
from tests.real.bridgehost import BridgeHost
from tests.real.testhost import DATAPATH, PATIENCE, TestHost, wait_until

from heddle.cli.client import Client, Credentials
from heddle.cli.credentials import read_clouds
from heddle.simulate.postgres import Postgres
from heddle.simulate.processes import write_settings

ROOT = Path(__file__).parent.parent.parent
HEDDLE = [sys.executable, "-m", "heddle.cli.main"]
MGMT, DATA = "10.98.0", "172.31.0"
CONTROL = 250
API = 9696


class Program:
    """A `heddle` process in a host, with its settings file and its log."""

    def __init__(self, where: TestHost, folder: Path, name: str, *words: str) -> None:
        self.where, self.name, self._words = where, name, words
        self.settings = folder / f"{name}.toml"
        self._log = folder / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self.source = ROOT / "src"

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HEDDLE_", "OS_"))}
        with self._log.open("ab") as log:
            self._process = self.where.popen(
                *HEDDLE, "--config", str(self.settings), *self._words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**environment, "PYTHONPATH": str(self.source)},
            )  # fmt: skip

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    @property
    def pid(self) -> int:
        """nsenter leaves a child in the pid namespace; signals go to that."""
        assert self._process is not None
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text(encoding="ascii")
        return int(children.split()[0]) if children.split() else self._process.pid

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def end(self, number: int = signal.SIGTERM, seconds: float = 15) -> None:
        """End it with a signal, and wait for that."""
        if self.runs and self._process is not None:
            os.kill(self.pid, number)
            self._process.wait(timeout=seconds * PATIENCE)
        self._process = None


class Lab:
    """`start` starts everything, `stop` removes it.  `more`: settings of the servers, as "section.name=value".

    `bridges`: the numbers of the hosts that have Linux bridges; `behind`: the API is that of whichever server is there,
    not of the first.
    """

    def __init__(
        self, hosts: int = 3, servers: int = 1, more: Sequence[str] = (), of_agents: Sequence[str] = (),
        bridges: Sequence[int] = (), behind: bool = False,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="heddle-cluster-", dir="/tmp"))
        self.folder.chmod(0o755)
        self._more, self._of_agents = list(more), list(of_agents)
        self._parts: list[Any] = []
        self.port = free_port()
        self.database = self._part(Postgres())
        self.underlay = self._part(TestHost("underlay", ovs=False))
        self.control = self._part(TestHost("control", ovs=False))
        self._bridges, self._behind = set(bridges), behind
        self.hosts = [self._part(self._host(number)) for number in range(1, hosts + 1)]
        self._wire()
        self.broker = self._part(Broker(f"{MGMT}.{CONTROL}", tuple(self.control.enter())))
        self.servers = [
            Program(self.control, self.folder, f"server{number}", "server") for number in range(1, servers + 1)
        ]
        self.agents = [Program(host, self.folder, host.name, "agent") for host in self.hosts]
        self._forwards: list[subprocess.Popen[bytes]] = []

    def _part(self, part: Any) -> Any:
        self._parts.append(part)
        return part

    def _host(self, number: int) -> TestHost:
        name = f"host{number}"
        return BridgeHost(name) if number in self._bridges else TestHost(name)

    def start(self, say: Callable[[str], None] = lambda text: None) -> None:
        """`say` hears what is being done."""
        say("PostgreSQL")
        self.database.start()
        say("RabbitMQ")
        self.broker.start()
        say("servers")
        for number, server in enumerate(self.servers):
            write_settings(server.settings, self._of_server(number))
        self.heddle(self.servers[0], "db", "migrate")
        for number, (host, agent) in enumerate(zip(self.hosts, self.agents, strict=True), 1):
            key = self.folder / f"{host.name}.key"
            self.heddle(self.servers[0], "host", "add", host.name, "--output", str(key))
            write_settings(agent.settings, self._of_agent(number, key))
        self.servers[0].start()
        self.until(self.clouds.exists, 60, "the first server has made the administrator")
        for server in self.servers[1:]:
            server.start()
        self._forward()
        self.until(self.answers, 60, "the API answers")
        say("agents")
        for agent in self.agents:
            agent.start()
        self.until(lambda: len(self.alive()) == len(self.hosts), 30, "all agents have reported")

    def stop(self) -> None:
        for program in (*self.agents, *self.servers):
            with suppress(Exception):
                program.end(signal.SIGKILL)
        for forward in self._forwards:
            forward.kill()
            forward.wait()
        for part in reversed(self._parts):
            with suppress(Exception):
                part.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # What a user does

    @property
    def clouds(self) -> Path:
        """The administrator's clouds.yaml."""
        return self.folder / "server1" / "state" / "clouds.yaml"

    @property
    def api(self) -> Client:
        """The administrator's client."""
        entry = read_clouds(self.clouds)["admin"]
        return Client(Credentials(entry.auth_url, entry.username, entry.password, entry.project))

    def heddle(self, program: Program, *words: str, check: bool = True) -> str:
        """A `heddle` command with the settings of a program, in its host; what it prints."""
        without = [word for name in os.environ if name.startswith(("HEDDLE_", "OS_")) for word in ("-u", name)]
        command = ["env", *without, f"PYTHONPATH={program.source}", *HEDDLE, "--config", str(program.settings), *words]
        return program.where.run(*command, check=check, timeout=120)

    def client(self, *words: str, check: bool = True) -> str:
        """A `heddle` command as the administrator gives it from this machine, over the API; what it prints."""
        code, said, told = self.asked(*words)
        assert not check or code == 0, f"{words}: exit {code}: {said}{told}"
        return said + told

    def asked(self, *words: str) -> tuple[int, str, str]:
        """The same: its exit code, and what it prints to stdout and to stderr."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("HEDDLE_", "OS_"))}
        environment |= {"PYTHONPATH": str(ROOT / "src"), "OS_CLIENT_CONFIG_FILE": str(self.clouds), "OS_CLOUD": "admin"}
        done = subprocess.run([*HEDDLE, *words], env=environment, text=True, stdin=subprocess.DEVNULL, timeout=120,
                              capture_output=True)  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    def alive(self) -> set[str]:
        """The hosts with an agent that is alive."""
        return {agent["host"] for agent in self.api.get("/v2.0/agents")["agents"] if agent["alive"]}

    def until(self, condition: Any, seconds: float, what: str) -> Any:
        """Like `wait_until`, with the ends of the logs."""
        try:
            return wait_until(condition, seconds, what, 0.05)
        except AssertionError as error:
            logs = "\n".join(f"--- {each.name}\n{each.log[-2500:]}" for each in (*self.servers, *self.agents))
            raise AssertionError(f"{error}\n{logs}") from None

    # Its parts

    def answers(self) -> bool:
        """Whether the API does."""
        try:
            return self.clouds.exists() and bool(self.api.get("/v2.0/networks"))
        except Exception:
            assert all(server.runs for server in self.servers), "\n".join(server.log for server in self.servers)
            return False

    def _wire(self) -> None:
        """The two networks, and each host's cables to them."""
        self.underlay.sh("for b in mgmt data; do ip link add $b type bridge; ip link set $b up mtu 1700; done")
        self._cable("mgmt", self.control, "mgmt0")
        self.control.sh(f"ip addr add {MGMT}.{CONTROL}/24 dev mgmt0; ip link set mgmt0 up")
        for number, host in enumerate(self.hosts, 1):
            self._cable("mgmt", host, "mgmt0")
            host.sh(f"ip addr add {MGMT}.{number}/24 dev mgmt0; ip link set mgmt0 up")
            if number in self._bridges:
                host.sh("cd /proc/sys/net/bridge; for each in bridge-nf-call-*; do echo 0 > $each; done")
                self._join(host, number)
                continue
            self._cable("data", host, "eth0", mtu=1600)
            host.sh(f"""
                sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1
                hook='{{ type filter hook ingress device eth0 priority -500; policy drop; }}'
                [ {DATAPATH} != netdev ] || nft "add table netdev underlay; add chain netdev underlay c $hook"
                ip link set eth0 up
                ovs-vsctl add-br br-phy -- set bridge br-phy datapath_type={DATAPATH} fail-mode=standalone \
                  -- add-port br-phy eth0
            """)
            self.address_underlay(host)

    def other(self, number: int) -> TestHost:
        """A host that is not Heddle's, without Open vSwitch, on the network between the hosts: 172.31.0.`number`."""
        host: TestHost = self._part(TestHost(f"other{number}", ovs=False))
        self._join(host, number)
        return host

    def card(self, network: str, host: TestHost, device: str, bridge: str) -> None:
        """One more card of a host, on a network of its own and on a bridge of Open vSwitch."""
        self.underlay.sh(f"ip link add {network} type bridge 2>/dev/null || true; ip link set {network} up")
        self._cable(network, host, device)
        host.sh(f"""
            sysctl -qw net.ipv6.conf.{device}.disable_ipv6=1
            hook='{{ type filter hook ingress device {device} priority -500; policy drop; }}'
            [ {DATAPATH} != netdev ] || nft "add table netdev underlay; add chain netdev underlay {device} $hook"
            ip link set {device} up; ovs-vsctl add-port {bridge} {device}
        """)

    def _join(self, host: TestHost, number: int) -> None:
        self._cable("data", host, "eth0", mtu=1600)
        host.sh(f"ethtool -K eth0 tx off; ip addr add {DATA}.{number}/24 dev eth0; ip link set eth0 up")

    def address_underlay(self, host: TestHost) -> None:
        """Give a host with Open vSwitch the address of its tunnels, as its network configuration does whenever br-phy
        comes: in userspace the device lives as long as vswitchd."""
        number = self.hosts.index(host) + 1
        host.sh(f"ip addr replace {DATA}.{number}/24 dev br-phy; ip link set br-phy up mtu 1600")

    def _cable(self, bridge: str, host: TestHost, device: str, mtu: int = 1500) -> None:
        end = f"{host.name[:9]}-{bridge[:1]}"
        peer = ["type", "veth", "peer", "name", device, "mtu", str(mtu), "netns", str(host.pid)]
        words = ["ip", "link", "add", end, "mtu", str(mtu), "netns", str(self.underlay.pid), *peer]
        subprocess.run(words, check=True, stdin=subprocess.DEVNULL)
        self.underlay.sh(f"ip link set {end} master {bridge} up")

    def _of_server(self, number: int) -> dict[str, dict[str, Any]]:
        name = f"server{number + 1}"
        settings: dict[str, dict[str, Any]] = {
            "paths": {each: str(self.folder / name / each) for each in ("state", "host", "run", "log")},
            "server": {"listen": f"{MGMT}.{CONTROL}", "port": API + number, "user": "", "workers": 1,
                       "public_url": f"http://127.0.0.1:{self.port}"},
            "database": {"url": self.database.url},
            "bus": {"url": self.broker.url()},
        }  # fmt: skip
        return _with(settings, self._more)

    def _of_agent(self, number: int, key: Path) -> dict[str, dict[str, Any]]:
        host = self.hosts[number - 1]
        settings: dict[str, dict[str, Any]] = {
            "paths": {each: str(self.folder / host.name / each) for each in ("state", "host", "run", "log")},
            "bus": {"url": self.broker.url("agent")},
            "agent": {"host": host.name, "key_file": str(key), "datapath": DATAPATH, "tunnel_ip": f"{DATA}.{number}",
                      "bridge_mappings": ["public:br-ex", "physnet1:br-phy"]},
        }  # fmt: skip
        if number in self._bridges:
            settings["agent"] |= {"data_plane": "linuxbridge", "bridge_mappings": []}
        return _with(settings, self._of_agents)

    def _forward(self) -> None:
        ports = [str(API + each) for each in range(len(self.servers) if self._behind else 1)]
        words = [str(Path(__file__).with_name("forward.py")), str(self.port), str(self.control.pid),
                 f"{MGMT}.{CONTROL}", *ports]  # fmt: skip
        forward = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE)
        self._forwards.append(forward)
        assert forward.stdout is not None and forward.stdout.readline() == b"ready\n"


def _with(settings: dict[str, dict[str, Any]], more: Sequence[str]) -> dict[str, dict[str, Any]]:
    for text in more:
        dotted, _, value = text.partition("=")
        section, _, key = dotted.partition(".")
        settings.setdefault(section, {})[key] = json.loads(value)
    return settings
