"""The demo's lab guests: namespaces plugged in as a VM's tap would be, with addresses by DHCP."""

from __future__ import annotations

import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from heddle.cli.demo.build import GUESTS, GuestPlan, Lab
from heddle.cli.demo.progress import DemoFailed
from heddle.cli.supervisor import program
from heddle.host.guest import PREFIX

ACTIVE_SECONDS = 15.0


def add(lab: Lab, settings: list[str]) -> dict[str, str]:
    """Make the guests; returns the address that DHCP gave to each.  `settings`: words before the command.

    Raises `DemoFailed`.
    """
    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(lambda plan: (plan.name, _one(lab, plan, settings)), GUESTS))


def _one(lab: Lab, plan: GuestPlan, settings: list[str]) -> str:
    """`heddle guest add`, by the administrator: as for a VM, the tenant's port is bound by who runs the host."""
    command = program([*settings, "guest", "add", plan.name, "--port", lab.ports[plan.name].id])
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environ)
    if done.returncode:
        raise DemoFailed(f"the guest {plan.name} could not be made: {done.stderr.strip() or done.stdout.strip()}")
    given = [word.partition("/")[0] for word in done.stdout.split() if word.count(".") == 3]
    if given != [plan.address]:
        raise DemoFailed(f"{plan.name} should have {plan.address} by DHCP and has {', '.join(given) or 'none'}: "
                         f"see `ip netns exec {PREFIX}{plan.name} ip addr` and the agent's log")  # fmt: skip
    return given[0]


def wait_until_active(lab: Lab) -> None:
    """Until the API says ACTIVE of every guest's port.  Raises `DemoFailed`."""
    limit = ACTIVE_SECONDS * lab.patience
    deadline = time.monotonic() + limit
    waiting = {plan.name: plan for plan in GUESTS}
    while waiting:
        for name, plan in list(waiting.items()):
            port: Any = lab.tenants[plan.tenant].network.get_port(lab.ports[name].id)
            if port.status == "ACTIVE":
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            raise DemoFailed(f"the ports of {', '.join(waiting)} are not ACTIVE after {limit:g} s: the agent "
                             "has not wired them; `heddle status` shows whether it is alive")  # fmt: skip
        if waiting:
            time.sleep(0.1)
