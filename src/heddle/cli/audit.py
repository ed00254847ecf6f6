"""`heddle audit`: what was asked for against what each host has, deviation by deviation.

Exit codes: 0 nothing deviates; 1 something does; 2 not all hosts could be asked (one is down, did not answer in time,
or could not look at everything, and is named), or the API could not.  `--repair` has the hosts put it right, as they do
by themselves every `agent.audit_seconds`; what was found is told all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

from heddle.cli.client import Client, ClientError, credentials
from heddle.cli.columns import columns
from heddle.cli.polling import poll
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

NONE, FOUND, INCOMPLETE = 0, 1, 2
COLUMNS = ("host", "object", "expected", "found")


def register(commands: Subparsers) -> None:
    audit = commands.add_parser(
        "audit", help="compare what was asked for with what each host has",
        description="Compare what was asked for with what each host has, and list every deviation.",
        epilog="Exit codes: 0 nothing deviates; 1 something does; 2 not all hosts could be asked, or an error.",
    )  # fmt: skip
    audit.add_argument("--host", default="", metavar="H", help="this host only")
    audit.add_argument("--repair", action="store_true", help="have the hosts put right what they find")
    audit.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds, default 60")
    audit.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    try:
        found = _ask(Client(credentials(settings)), args.host, args.repair, time.monotonic() + args.timeout)
    except ClientError as error:
        print(f"heddle: {error}", file=sys.stderr)
        return INCOMPLETE
    print(json.dumps(found, indent=1) if args.json else "\n".join(text(found)))
    return verdict(found)


def _ask(client: Client, host: str, repair: bool, end: float) -> dict[str, Any]:
    """Ask, and wait until every host that is alive has answered, or it is time."""
    wanted = {"repair": repair, **({"host": host} if host else {})}
    found: dict[str, Any] = client.request("POST", "/heddle/v1/audits", {"audit": wanted})["audit"]
    path = f"/heddle/v1/audits/{found['id']}"
    return poll(found, lambda: dict(client.get(path)["audit"]), _progress, end)


def _progress(found: dict[str, Any]) -> str:
    states = [each["state"] for each in found["hosts"]]
    return f"{states.count('done')} of {len(states)} hosts" if "waiting" in states else ""


def verdict(found: dict[str, Any]) -> int:
    """The exit code."""
    if any(each["state"] != "done" or each["problem"] for each in found["hosts"]):
        return INCOMPLETE
    return FOUND if any(each["total"] for each in found["hosts"]) else NONE


def text(found: dict[str, Any]) -> list[str]:
    """The same for people."""
    rows: list[tuple[str, ...]] = [
        (host["host"], f"{each['kind']} {each['id']}", each["expected"], each["found"])
        for host in found["hosts"]
        for each in host["deviations"]
    ]
    lines = columns(COLUMNS, rows) if rows else []
    for host in found["hosts"]:
        more = host["total"] - len(host["deviations"])
        lines += [f"{host['host']}: {more} more deviations"] if more > 0 else []
        lines += [f"PROBLEM   {host['host']}: {host['problem']}"] if host["problem"] else []
        lines += [f"PROBLEM   {host['host']} is down: its agents do not report"] if host["state"] == "down" else []
        lines += [f"PROBLEM   {host['host']} did not answer in time"] if host["state"] == "waiting" else []
    total, hosts = sum(host["total"] for host in found["hosts"]), len(found["hosts"])
    done = sum(host["state"] == "done" for host in found["hosts"])
    mended = ", repaired" if found["repair"] and total else ""
    return [*lines, f"{total} deviations on {done} of {hosts} hosts{mended}"]
