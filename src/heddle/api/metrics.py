"""Figures for a monitoring system, in Prometheus' text format 0.0.4: a handful, so no library is needed for it.

What is told of hosts comes from the database, so every process of every server gives the same; requests, connections
and the bus are those of the server that is asked (`metrics_server.py`).  No name of an object or a tenant is among
them: metering labels are told by their ids, hosts by their names.

What hosts count starts anew with their agents, so it is told by host and not summed up: whoever reads it sees the
start, which a sum would hide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from heddle.api.http import Request, Response, Route
from heddle.api.metrics_server import escaped, head, of_server
from heddle.api.network.rights import require
from heddle.api.schemas import TEXT
from heddle.api.services import Services
from heddle.control.realised import BOUNDS
from heddle.model.agent import CARRIERS, Agent
from heddle.store.changes import current_revision
from heddle.store.query import dns_records, hosts, metering
from heddle.store.query.hosts import Host

# What the agent of a host shows of itself: its name there, as a figure, its kind, and what it is.
TOLD = (
    ("devices", "heddle_host_ports", "gauge", "Ports that a host has wired."),
    ("networks", "heddle_host_networks", "gauge", "Networks that have ports on a host."),
    ("flows", "heddle_host_flows", "gauge", "Flows of a host's switch."),
    ("packets_logged", "heddle_packets_logged_total", "counter", "Packets that a host wrote down for logs."),
    ("packets_not_logged", "heddle_packets_not_logged_total", "counter",
     "Packets that logs asked for and a host did not write down: more than its limit, or no room."),
    ("packets_lost", "heddle_packets_lost_total", "counter", "Those of them for which the file had no room."),
)  # fmt: skip
TYPE = "text/plain; version=0.0.4; charset=utf-8"


def show(services: Services, request: Request) -> Response:
    require(services, request, "get_metrics")
    with services.store.read() as tx:
        every = hosts.every(tx)
        live = hosts.live(tx, [host.name for host in every])
        figures = {"revision": current_revision(tx.conn), "failed": len(hosts.faults(tx))}
        counted = metering.totals(tx)
        names = dns_records.counts(tx)
        told = hosts.told(tx, CARRIERS)
        agents = hosts.AGENTS.find(tx)
    lines = [*of_server(services), *_hosts(every, live, figures), *_latency(every)]
    lines += [*_metering(counted), *_names(names), *_told(told), *_agents(agents)]
    return Response(200, ("\n".join(lines) + "\n").encode(), (("Content-Type", TYPE),))


def _hosts(every: Sequence[Host], live: set[str], figures: Mapping[str, int]) -> Iterator[str]:
    yield from head("heddle_hosts", "gauge", "Hosts, by whether their agents report.")
    yield f'heddle_hosts{{state="alive"}} {len(live)}'
    yield f'heddle_hosts{{state="dead"}} {len(every) - len(live)}'
    yield from head("heddle_drift", "gauge", "What agents found changed by hand and put right since they started.")
    yield f"heddle_drift {sum(host.drift for host in every)}"
    yield from head("heddle_failed_objects", "gauge", "Objects that a host could not realise.")
    yield f"heddle_failed_objects {figures['failed']}"
    yield from head("heddle_revision", "gauge", "The revision of the newest change.")
    yield f"heddle_revision {figures['revision']}"
    behind = max([0, *(figures["revision"] - host.revision for host in every if host.name in live)])
    yield from head("heddle_revisions_behind", "gauge", "How far the host that is alive and furthest behind is.")
    yield f"heddle_revisions_behind {behind}"


def _latency(every: Sequence[Host]) -> Iterator[str]:
    name = "heddle_commit_to_applied_seconds"
    yield from head(name, "histogram", "From the commit of a change until a host it concerns said it had applied it.")
    tables = [host.latencies for host in every if len(host.latencies) == len(BOUNDS) + 2]
    sums = [sum(column) for column in zip(*tables, strict=True)] or [0] * (len(BOUNDS) + 2)
    for bound, count in zip((*(f"{each / 1000:g}" for each in BOUNDS), "+Inf"), accumulate(sums[:-1]), strict=True):
        yield f'{name}_bucket{{le="{bound}"}} {count}'
    yield f"{name}_sum {sums[-1] / 1000:g}"
    yield f"{name}_count {sum(sums[:-1])}"


def _metering(counted: Sequence[tuple[str, str, int, int, int]]) -> Iterator[str]:
    sums: dict[str, tuple[int, int]] = {}
    for label, _, packets, size, _ in counted:
        before = sums.get(label, (0, 0))
        sums[label] = before[0] + packets, before[1] + size
    for number, unit in enumerate(("packets", "bytes")):
        name = f"heddle_metering_{unit}_total"
        yield from head(name, "counter", f"The {unit} that a metering label has counted, at all routers.")
        for label, each in sums.items():
            yield f'{name}{{label="{label}"}} {each[number]}'


def _names(counted: Mapping[str, int]) -> Iterator[str]:
    yield from head("heddle_dns_names", "gauge", "Names and types for a DNS server outside, by how far they are.")
    for state, count in counted.items():
        yield f'heddle_dns_names{{state="{state}"}} {count}'


def _told(agents: Sequence[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    for key, name, kind, text in TOLD:
        yield from head(name, kind, text)
        for host, shown in agents:
            if isinstance(shown.get(key), int):
                yield f'{name}{{host="{escaped(host)}"}} {shown[key]}'


def _agents(agents: Sequence[Agent]) -> Iterator[str]:
    """Of each record of an agent, also of those that are silent, and how long its role worked on changes."""
    yield from head("heddle_agent_up", "gauge", "Whether an agent reports (1) or is dead (0).")
    ordered = sorted(agents, key=lambda agent: (agent.host, agent.role))
    names = {agent.id: f'host="{escaped(agent.host)}",agent="{escaped(agent.binary)}"' for agent in ordered}
    for agent in ordered:
        yield f"heddle_agent_up{{{names[agent.id]}}} {int(agent.alive)}"
    name = "heddle_agent_reconcile_seconds"
    yield from head(name, "summary", "How long a role of an agent worked on changes, each time; since its start.")
    for agent in ordered:
        count, seconds = (agent.configurations.get(each) for each in ("reconciles", "reconcile_seconds"))
        if agent.alive and isinstance(count, int) and isinstance(seconds, int | float):
            yield f"{name}_count{{{names[agent.id]}}} {count}"
            yield f"{name}_sum{{{names[agent.id]}}} {seconds:g}"


ROUTES = [Route("GET", "/metrics", show, "get_metrics", 200, "Figures for a monitoring system, in Prometheus' text",
                None, TEXT)]  # fmt: skip
