"""What a server tells of itself in Prometheus' text format: its version, its processes, the requests it answered."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from itertools import accumulate

from heddle import __version__
from heddle.api.counts import BOUNDS, BUS, IDLE, IN_USE, NO_BUS, STARTED, Counts
from heddle.api.services import Services
from heddle.store import migrate


def head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def of_server(services: Services) -> Iterator[str]:
    services.counts.tell(services.store, services.ready.bus)
    yield from head("heddle_build_info", "gauge", "The version that runs, as labels.")
    python = platform.python_version()
    yield f'heddle_build_info{{version="{__version__}",schema="{migrate.EXPANDED}",python="{python}"}} 1'
    yield from _processes(services)
    yield from _requests(services.counts)


def _processes(services: Services) -> Iterator[str]:
    found = services.counts.processes(services.settings.workers)
    yield from head("heddle_process_start_time_seconds", "gauge", "When a process of this server started.")
    for number, state in found.items():
        yield f'heddle_process_start_time_seconds{{process="{number}"}} {state[STARTED]}'
    name = "heddle_database_connections"
    yield from head(name, "gauge", "Connections of a process to the database.")
    for number, state in found.items():
        yield f'{name}{{process="{number}",state="idle"}} {state[IDLE]}'
        yield f'{name}{{process="{number}",state="in_use"}} {state[IN_USE]}'
    yield from head("heddle_database_connections_max", "gauge", "How many a process may have.")
    yield f"heddle_database_connections_max {services.settings.database.pool}"
    yield from head("heddle_bus_connected", "gauge", "Whether agents reach a process by the bus.")
    for number, state in found.items():
        if state[BUS] != NO_BUS:
            yield f'heddle_bus_connected{{process="{number}"}} {state[BUS]}'


def _requests(counts: Counts) -> Iterator[str]:
    yield from head("heddle_requests_total", "counter", "Requests answered by this server, by HTTP status.")
    for status, count in counts.by_status().items():
        yield f'heddle_requests_total{{status="{status}"}} {count}'
    name = "heddle_http_request_duration_seconds"
    yield from head(name, "histogram", "How long this server took for requests.")
    for each in counts.times():
        labels = f'method="{each.method}",route="{each.route}",status="{each.status}"'
        bounds = (*(f"{bound / 1000:g}" for bound in BOUNDS), "+Inf")
        for bound, count in zip(bounds, accumulate(each.buckets), strict=True):
            yield f'{name}_bucket{{{labels},le="{bound}"}} {count}'
        yield f"{name}_sum{{{labels}}} {each.seconds:g}"
        yield f"{name}_count{{{labels}}} {sum(each.buckets)}"
