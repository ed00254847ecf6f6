"""What must hold in a lab that is left alone: statuses, audits, logs.  Each function returns what does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.cluster.lab import Lab

from heddle.cli.credentials import read_clouds

Json = dict[str, Any]


def statuses(lab: Lab, plugged: Iterable[str]) -> list[str]:
    """Objects whose status is not what it should be; `plugged` are the ports that have a guest.

    A guest's port is ACTIVE when it is plugged and up; what Heddle serves by itself is ACTIVE; a floating IP is ACTIVE
    when it has a port and its router has it.
    """
    with_guest = set(plugged)
    api, wrong = lab.api, []
    for port in api.get("/v2.0/ports")["ports"]:
        wanted = _of_port(port, port["id"] in with_guest)
        if wanted and port["status"] != wanted:
            wrong.append(f"port {port['id']} ({port['device_owner']}) is {port['status']}, not {wanted}")
    for kind in ("networks", "routers"):
        wrong += [
            f"{kind[:-1]} {each['id']} is {each['status']}, not ACTIVE"
            for each in api.get(f"/v2.0/{kind}")[kind]
            if each["status"] != "ACTIVE"
        ]
    for each in api.get("/v2.0/floatingips")["floatingips"]:
        wanted = "ACTIVE" if each["port_id"] else "DOWN"
        if each["status"] != wanted:
            wrong.append(f"floating IP {each['id']} is {each['status']}, not {wanted}")
    return wrong


def _of_port(port: Json, plugged: bool) -> str:
    """The status it should have, "" for one that has none."""
    if port["device_owner"] in ("network:floatingip", ""):
        return ""
    if port["device_owner"].startswith("compute:"):
        return "ACTIVE" if plugged and port["admin_state_up"] else "DOWN"
    return "ACTIVE"


def audited(lab: Lab) -> list[str]:
    """What `heddle audit` of all hosts finds; nothing with exit code 0."""
    code, said, told = lab.asked("audit", "--json")
    if code == 0:
        return []
    try:
        hosts = json.loads(said)["hosts"]
    except ValueError:
        return [f"heddle audit: exit {code}: {said}{told}"]
    found = [f"{host['host']}: {each}" for host in hosts for each in host["deviations"][:5]]
    return [*found, *[f"{each['host']}: {each['state']} {each['problem']}" for each in hosts], f"exit {code}"]


def tracebacks(lab: Lab) -> list[str]:
    """Of all logs of servers and agents, the lines before each traceback and its last one."""
    found = []
    for path, text in _logs(lab):
        lines = text.splitlines()
        for number, line in enumerate(lines):
            if line.startswith("Traceback (most recent"):
                after = next((each for each in lines[number + 1 :] if each and not each.startswith(" ")), "")
                found.append(f"{path.name}: {lines[max(0, number - 1)][:200]} … {after[:200]}")
    return found


def secrets_told(lab: Lab) -> list[str]:
    """Which secrets the logs have: passwords of the broker and the administrator, hosts' keys."""
    secrets = {f"the broker's password of {user}": text for user, text in lab.broker.passwords.items()}
    secrets["the administrator's password"] = read_clouds(lab.clouds)["admin"].password
    for agent in lab.agents:
        secrets[f"the key of {agent.name}"] = (lab.folder / f"{agent.name}.key").read_text().strip()
    logs = _logs(lab)
    return [f"{path.name} has {name}" for path, text in logs for name, secret in secrets.items() if secret in text]


def _logs(lab: Lab) -> list[tuple[Path, str]]:
    paths = [*lab.folder.glob("*.log"), *lab.folder.glob("*/log/**/*")]
    return [(path, path.read_text(encoding="utf-8", errors="replace")) for path in paths if path.is_file()]
