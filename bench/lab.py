"""The rows of several hosts: a lab with a broker and a database of their own (`tests/cluster/lab.py`).

The agents of two hosts with Open vSwitch, two servers, RabbitMQ and PostgreSQL, which syncs each commit, share the
processors of this machine with the guests and with what measures.
"""

from __future__ import annotations

import contextlib
import functools
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.lab import API, CONTROL, MGMT, Lab

from bench import conversion, dataplane, restart, routers, throughput, upgrade_check
from bench.client import Client, log_in
from bench.guests import Net
from bench.quota import unlimited
from bench.rows import Measured
from bench.site import cpu_seconds, family, pss, rss
from bench.space import Space
from bench.throughput import Roads
from heddle.cli.credentials import read_clouds
from heddle.simulate import postgres, rabbitmq

if TYPE_CHECKING:
    from bench.run import Run

PORT_ROWS = ("lab-ports", "lab-restart", "lab-restart-pings", "lab-memory", "lab-idle")
ROUTER_ROWS = ("lab-routers", "lab-routers-restart", "lab-routers-pings")
COMPARED = {
    "lab-ovs": ("filtered", "hand"), "lab-ovs-tracked": ("filtered", "tracked"), "lab-ovs-open": ("open", "hand"),
    "lab-bridge": ("filtered", "hand"), "lab-bridge-tracked": ("filtered", "tracked"),
    "lab-bridge-open": ("open", "hand"),
    "lab-frames": ("filtered", "hand"), "lab-frames-tracked": ("filtered", "tracked"),
    "lab-frames-open": ("open", "hand"),
}  # fmt: skip
SWITCH_ROWS = tuple(name for name in COMPARED if name.startswith("lab-ovs"))
BRIDGE_ROWS = tuple(name for name in COMPARED if name.startswith("lab-bridge"))
FRAME_ROWS = tuple(name for name in COMPARED if name.startswith("lab-frames"))
CHECK_ROWS = ("lab-check", "lab-check-dead")
ROUTERS, SPARE, FAR = 50, 2, 10
REST_SECONDS = 10


class LabHost:
    """A host of a lab; see `Site`."""

    def __init__(self, lab: Lab, number: int, api: Client) -> None:
        self.lab, self.api = lab, api
        self.host, self._agent = lab.hosts[number], lab.agents[number]
        self.name = self.host.name

    def log_tail(self) -> str:
        return self._agent.log[-3000:]

    def agent(self) -> int:
        return self._agent.pid

    def spent(self) -> dict[str, float]:
        servers = sum(cpu_seconds(server.pid) for server in self.lab.servers)
        return {"server": servers, "agent": cpu_seconds(self.agent())}

    def kill_agent(self) -> None:
        self._agent.end(signal.SIGKILL)

    def release(self) -> None:
        self._agent.start()


def missing() -> str:
    """What the lab needs and this machine has not, with how to get it; "" where all is there."""
    programs = {"RabbitMQ": rabbitmq.PROGRAM, "PostgreSQL": postgres.PROGRAMS, "iperf3": Path("/usr/bin/iperf3")}
    absent = [name for name, path in programs.items() if not path.exists()]
    return f"needs {' and '.join(absent)}: make dev; scripts/engines.sh --install postgresql rabbitmq" if absent else ""


@contextlib.contextmanager
def running(hosts: int = 2, bridges: Sequence[int] = (), logs: Path | None = None) -> Iterator[Lab]:
    """A started lab whose project has no quota; all of it is removed at the end.

    `bridges`: the numbers of the hosts that have Linux bridges; `logs`: where its logs are copied to before that.
    """
    lab = Lab(hosts, servers=2, bridges=bridges)
    try:
        lab.start()
        with unlimited(client(lab)):
            yield lab
    finally:
        if logs is not None:
            logs.mkdir(parents=True, exist_ok=True)
            for path in lab.folder.glob("*.log"):
                shutil.copy(path, logs)
        lab.stop()


def client(lab: Lab) -> Client:
    """The administrator's, straight to the first server."""
    auth = read_clouds(lab.clouds)["admin"].auth()
    token, _ = log_in(auth["auth_url"], auth)
    dial = Space(f"/proc/{lab.control.pid}/ns/net").dial
    return Client(f"http://{MGMT}.{CONTROL}:{API}", {"X-Auth-Token": token}, dial=dial)


def sites(lab: Lab) -> list[LabHost]:
    api = client(lab)
    return [LabHost(lab, number, api) for number in range(len(lab.hosts))]


class Ports:
    """200 ports on the first host, as often as they are asked for; guests of the second ping them."""

    def __init__(self, near: LabHost, far: LabHost) -> None:
        self.near, self.far = near, far
        self.net: Net | None = None

    def active(self) -> Measured:
        self.remove()
        self.net = Net(self.near, "ports", 103)
        beside = self.net.beside(self.far)
        self.probers = beside.make(FAR)
        beside.post(self.probers)
        beside.plug(self.probers)
        return dataplane.ports_active(self.near, self.net, self.probers[0])

    def restart(self) -> tuple[Measured, Measured]:
        assert self.net is not None
        return restart.restart(self.near, self.net, self.probers)

    def remove(self) -> None:
        if self.net is not None:
            self.net.remove()
            self.net = None


def rest(site: LabHost, seconds: float) -> tuple[Measured, Measured]:
    """Memory and processor time of an agent that has nothing to do."""
    time.sleep(REST_SECONDS)
    pids = family(site.agent())
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(seconds)
    used = sum(cpu_seconds(pid) for pid in pids) - before
    resident = sum(rss(pid) for pid in pids) / 1024
    return (
        Measured(sum(pss(pid) for pid in pids) / 1024, f"{len(pids)} processes; resident {resident:.0f} MB"),
        Measured(100 * used / seconds, f"{used:.2f} s in {seconds:.0f} s"),
    )


def keep_routers_off(site: LabHost) -> None:
    """New routers go to other hosts."""
    agents = site.api.call("GET", f"/v2.0/agents?host={site.name}&agent_type=L3%20agent")["agents"]
    for agent in agents:
        site.api.call("PUT", f"/v2.0/agents/{agent['id']}", {"agent": {"admin_state_up": False}})


def measure(run: Run, quick: bool, logs: Path | None) -> None:
    """The rows of several hosts that are asked for: with Open vSwitch, and then with Linux bridges."""
    others = {*BRIDGE_ROWS, *FRAME_ROWS, *CHECK_ROWS, "lab-convert"}
    if any(name.startswith("lab-") and name not in others for name in run.args.only):
        _switches(run, quick, logs)
    if run.wants("lab-convert"):
        with running(3, logs=logs) as lab:
            near, far, _ = sites(lab)
            run.turns(("lab-convert",), lambda: (conversion.conversion(near, far, 3 if quick else 20),))
    if run.wants(*CHECK_ROWS):
        with running(10, logs=logs) as lab:
            run.turns(CHECK_ROWS, lambda: upgrade_check.hosts(lab, 3 if quick else 10))
    if run.wants(*BRIDGE_ROWS, *FRAME_ROWS):
        with running(bridges=(1, 2), logs=logs) as lab:
            roads = functools.cache(functools.partial(throughput.roads, lab))
            for names, on in ((BRIDGE_ROWS, True), (FRAME_ROWS, False)):
                _throughput(run, roads, names, quick, on)


def _throughput(
    run: Run, roads: Callable[[], Roads], names: Sequence[str], quick: bool, on: bool | None = None
) -> None:
    """`on`: see `throughput.offload`; None: it is left as it is."""

    def take() -> list[Measured]:
        made = roads()
        if on is not None:
            throughput.offload(made, on)
        found = throughput.rounds(made, 5 if quick else 21, 2)
        return [throughput.compared(found, *COMPARED[name]) for name in names]

    run.turns(names, take)


def _switches(run: Run, quick: bool, logs: Path | None) -> None:
    turns, rounds = (1, 5) if quick else (3, 20)
    with running(logs=logs) as lab:
        near, far = sites(lab)
        run.turns(("lab-ping",), lambda: (dataplane.first_pings(near, rounds, far),), turns)
        run.turns(("lab-rule",), lambda: (dataplane.rule(near, 3, [far]),), turns)
        run.turns(("lab-move",), lambda: (dataplane.moved(near, 3, [far]),), turns)
        if run.wants(*PORT_ROWS):
            run.args.only.add("lab-ports")
            ports = Ports(near, far)
            run.turns(("lab-ports",), lambda: (ports.active(),), turns)
            run.turns(("lab-restart", "lab-restart-pings"), ports.restart, turns)
            run.turns(("lab-memory", "lab-idle"), lambda: rest(near, 15 if quick else 60))
            ports.remove()
        if run.wants(*ROUTER_ROWS):
            run.args.only.add("lab-routers")
            keep_routers_off(far)
            _routers(run, near, far, turns)
        if run.wants(*SWITCH_ROWS):
            _throughput(run, functools.partial(throughput.roads, lab), SWITCH_ROWS, quick)


def _routers(run: Run, near: LabHost, far: LabHost, turns: int) -> None:
    made: list[routers.Routers] = []

    def realise() -> tuple[Measured]:
        while made:
            made.pop().remove()
        made.append(routers.Routers(near, ROUTERS, SPARE))
        return (routers.realised(made[-1]),)

    run.turns(("lab-routers",), realise, turns)
    run.turns(("lab-routers-restart", "lab-routers-pings"), lambda: routers.restarted(made[-1], far), turns)
    made.pop().remove()
