"""What else is made and shown: routers, and a security group with a thousand rules."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from bench.api_bench import API, Bench
from bench.client import ApiError
from bench.measure import Job

RULES = 1000
AT_ONCE = 100


def routers(bench: Bench, count: int) -> None:
    """`router_create` and `router_delete`: without gateway and interfaces, one at a time."""
    jobs: list[Job] = [("POST", f"{API}/routers", {"router": {"name": f"bench-{number}"}}) for number in range(count)]
    made = [answer["router"]["id"] for answer in bench.measure("router_create", 1, jobs) if answer]
    bench.measure("router_delete", 1, [("DELETE", f"{API}/routers/{id}", None) for id in made])


def group_with_rules(bench: Bench, count: int) -> None:
    """`group_get_1000`: GET of a security group that has RULES rules besides those that it began with."""
    group = bench.admin.call("POST", f"{API}/security-groups", {"security_group": {"name": "bench-rules"}})
    id = group["security_group"]["id"]
    try:
        for first in range(0, RULES, AT_ONCE):
            rules = [_rule(id, port) for port in range(1 + first, 1 + first + AT_ONCE)]
            bench.admin.call("POST", f"{API}/security-group-rules", {"security_group_rules": rules})
        jobs: Sequence[Job] = [("GET", f"{API}/security-groups/{id}", None)] * count
        bench.measure(f"group_get_{RULES}", 1, jobs)
    finally:
        with contextlib.suppress(ApiError):
            bench.admin.call("DELETE", f"{API}/security-groups/{id}")


def _rule(group: str, port: int) -> dict[str, object]:
    return {"security_group_id": group, "direction": "ingress", "protocol": "tcp", "port_range_min": port,
            "port_range_max": port}  # fmt: skip
