"""`heddle wait <resource> <id or name>`: until the newest change of an object is applied on every host it concerns.

Exit codes: 0 it is applied; 1 a host could not do it, and the reason is printed (or the question could not be asked);
124 it was not everywhere in time, as `timeout` has it.  `--json` prints the last answer of the API.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import TYPE_CHECKING, Any

from heddle.cli.client import Client, credentials
from heddle.cli.polling import poll
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

RESOURCES = (
    "network", "subnet", "port", "router", "floatingip", "security-group", "security-group-rule", "address-group",
)  # fmt: skip
TIMED_OUT = 124


def register(commands: Subparsers) -> None:
    wait = commands.add_parser(
        "wait", help="until a change is applied on all hosts it concerns",
        description="Wait until the newest change of an object is applied on every host that it concerns.",
        epilog="Exit codes: 0 applied; 1 failed on a host, or an error; 124 not everywhere in time.",
    )  # fmt: skip
    wait.add_argument("resource", choices=RESOURCES)
    wait.add_argument("id", metavar="ID", help="the id of the object, or its name")
    wait.add_argument("--timeout", type=float, default=60.0, metavar="S", help="seconds, default 60")
    wait.add_argument("--revision", type=int, default=0, metavar="R", help="this change, where the newest is too new")
    wait.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    client = Client(credentials(settings))
    collection = args.resource + "s"
    id = _id(client, collection, args.id)
    path = f"/heddle/v1/realised/{collection}/{id}"
    wanted = {"revision": str(args.revision)} if args.revision else {}

    def ask() -> dict[str, Any]:
        answer: dict[str, Any] = client.get(path, **wanted)["realised"]
        return answer

    end = time.monotonic() + args.timeout
    found = poll(ask(), ask, _progress, end)
    print(json.dumps(found, indent=1) if args.json else "\n".join(text(args.resource, found)))
    return {"applied": 0, "failed": 1}.get(found["state"], TIMED_OUT)


def _id(client: Client, collection: str, name_or_id: str) -> str:
    """An id stays one, also of an object that is gone; a name is looked up."""
    from uuid import UUID

    try:
        return str(UUID(name_or_id))
    except ValueError:
        return str(client.find(collection, name_or_id)["id"])


def _progress(found: dict[str, Any]) -> str:
    return f"{found['applied']} of {found['hosts']} hosts" if found["waiting"] else ""


def text(resource: str, found: dict[str, Any]) -> list[str]:
    """The same for people."""
    took = f" after {found['milliseconds']} ms" if found["milliseconds"] is not None else ""
    what = f"{resource} {found['id']}: revision {found['revision']}"
    lines = [f"{what} applied on {found['applied']} of {found['hosts']} hosts{took}"]
    for host in found["waiting"]:
        state = "" if host["alive"] else ", which does not report"
        lines.append(f"waiting  {host['host']} at revision {host['revision']}{state}")
    lines += [f"FAILED   {f['host']} {f['kind']} {f['id']}: {f['message']}" for f in found["faults"]]
    return lines
