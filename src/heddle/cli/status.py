"""`heddle status`: is it well?  The server, the agents, the bridges, how much there is, drift and failures.

The exit code is 0 when all is well, and 1 when something is not; `--json` gives the same for programs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
from typing import TYPE_CHECKING, Any

from heddle.cli.layout import Layout
from heddle.cli.supervisor import holder
from heddle.config import Settings

if TYPE_CHECKING:

    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

COUNTED = ("networks", "subnets", "ports", "routers", "floatingips", "security-groups")


def register(commands: Subparsers) -> None:
    status = commands.add_parser("status", help="is it well? server, agents, bridges, counts, drift, failures")
    status.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    found = look(settings)
    print(json.dumps(found, indent=1) if args.json else "\n".join(text(found)))
    return 0 if found["healthy"] else 1


def look(settings: Settings) -> dict[str, Any]:
    """All that is known: server, agents, bridges, counts, drift, failed, problems and `healthy`."""
    found: dict[str, Any] = {
        "server": _server(settings), "agents": [], "hosts": [], "bridges": _bridges(), "counts": {},
        "drift": 0, "failed": [], "names": {},
    }  # fmt: skip
    problems: list[str] = []
    if not found["server"]["process"]:
        problems.append("Heddle is not running on this host: start it with `heddle up --detach`")
    if not found["server"]["answers"]:
        problems.append(f"{settings.public_url}/readyz does not answer: see {Layout(settings).log_file('server')}")
    else:
        problems += _ask(settings, found)
    running, wanted = len(found["server"]["workers"]), found["server"]["wanted"]
    if running < wanted:
        problems.append(f"{running} of {wanted} server processes run: see {Layout(settings).log_file('heddle')}")
    found["problems"] = problems
    found["healthy"] = not problems
    return found


def _server(settings: Settings) -> dict[str, Any]:
    from heddle.cli.up import answers

    process = holder(Layout(settings).lock)
    workers, wanted = workers_of(process)
    return {"url": settings.public_url, "process": process, "answers": answers(settings), "workers": workers,
            "wanted": wanted}  # fmt: skip


def workers_of(supervisor: int) -> tuple[list[dict[str, int]], int]:
    """The processes that answer requests, and how many there are to be."""
    from heddle.host.process import children_of, command_of

    found, wanted = [], 0
    for pid in children_of(supervisor) if supervisor else ():
        match = re.search(r" server .*--worker (\d+)/(\d+)", command_of(pid))
        if match:
            found.append({"number": int(match[1]), "process": pid})
            wanted = int(match[2])
    return sorted(found, key=lambda worker: worker["number"]), wanted


def _bridges() -> list[dict[str, Any]]:
    from heddle.host.probe import bridges

    if os.geteuid() != 0:
        return []
    return [{"name": bridge.name, "ports": len(bridge.ports)} for bridge in bridges() if bridge.ours]


def _ask(settings: Settings, found: dict[str, Any]) -> list[str]:
    """Fill in what the API knows; returns the problems."""
    from heddle.cli.client import Client, ClientError, credentials

    try:
        client = Client(credentials(settings))
        agents = client.get("/v2.0/agents")["agents"]
        found["agents"] = [_agent(agent) for agent in agents]
        for name in COUNTED:
            (items,) = client.get(f"/v2.0/{name}", fields="id").values()
            found["counts"][name] = len(items)
        told = client.get("/heddle/v1/hosts")
        found["hosts"], found["failed"], found["names"] = told["hosts"], told["faults"], told.get("names", {})
    except ClientError as error:
        return [f"the API does not say: {error}"]
    found["drift"] = sum(int(host["drift"]) for host in found["hosts"])
    silent = [agent for agent in found["agents"] if not agent["alive"]]
    problems = [f"the {agent['type']} of {agent['host']} does not report" for agent in silent]
    for agent in found["agents"]:
        problems += [text for text in agent["problems"] if text not in problems]
    if not found["agents"]:
        problems.append(f"no agent has reported yet: see {Layout(settings).log_file('agent')}")
    return problems + [_fault(item) for item in found["failed"]]


def _agent(agent: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": agent["agent_type"],
        "host": agent["host"],
        "alive": agent["alive"],
        "heartbeat": agent["heartbeat_timestamp"],
        "problems": [f"host {agent['host']}: {text}" for text in agent["configurations"].get("problems", ())],
    }


def _fault(fault: dict[str, str]) -> str:
    what = f"{fault['kind']} {fault['id']} could not be realised on {fault['host']} since {fault['since']}"
    return f"{what}: {fault['message']}"


def text(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    server = found["server"]
    state = "answers" if server["answers"] else "DOES NOT ANSWER"
    lines = [f"server    {server['url']}  {state}, process {server['process'] or 'none'}"]
    lines += [f"worker    {worker['number']:<20} process {worker['process']}" for worker in server["workers"]]
    for agent in found["agents"]:
        alive = "alive" if agent["alive"] else "NOT ALIVE"
        lines.append(f"agent     {agent['type']:<20} {agent['host']:<24} {alive:<10} last heard {agent['heartbeat']}")
    for host in found["hosts"]:
        lines.append(f"host      {host['name']:<20} datapath {host['datapath']}, at revision {host['revision']}")
    for bridge in found["bridges"]:
        lines.append(f"bridge    {bridge['name']:<20} {bridge['ports']} ports")
    counts = ", ".join(f"{number} {name.replace('-', ' ')}" for name, number in found["counts"].items())
    lines.append(f"objects   {counts or '-'}")
    if any(found["names"].values()):
        names = ", ".join(f"{count} {state}" for state, count in found["names"].items())
        lines.append(f"DNS       {names}")
    lines.append(f"drift     {found['drift']} put right since the agent started")
    lines.append(f"failed    {len(found['failed'])} objects that a host could not realise")
    lines += [f"PROBLEM   {problem}" for problem in found["problems"]]
    return [*lines, "healthy" if found["healthy"] else "NOT healthy"]
