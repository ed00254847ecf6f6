"""Load on the API inside the virtual machine, by several clients at once, until the power goes.

First it says which ports there are ("mark there ID NAME"), then it makes, renames and deletes ports.  "mark made",
"mark named" and "mark gone" are written after the answer with 2xx, "mark asked" before a request that takes something
away: what was asked and not answered may have happened or not.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any

from heddle import config
from heddle.cli.client import Client, ClientError, credentials

CLIENTS = 3
PATIENCE = 600.0


def say(text: str) -> None:
    os.write(1, f"heddle-vm: {text}\n".encode())


def connect() -> Client:
    """As the administrator, when the server answers."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            client = Client(credentials(config.load()))
            client.get("/v2.0/networks")
            return client
        except ClientError as error:
            if time.monotonic() > end:
                raise
            if error.status:
                say(f"step waiting: {error}")
            time.sleep(0.5)


def network(client: Client) -> str:
    found = client.get("/v2.0/networks", name="load")["networks"]
    if not found:
        made = client.request("POST", "/v2.0/networks", {"network": {"name": "load"}})["network"]
        subnet = {"network_id": made["id"], "ip_version": 4, "cidr": "10.0.0.0/16", "name": "load"}
        client.request("POST", "/v2.0/subnets", {"subnet": subnet})
        client.request("PUT", "/v2.0/quotas/" + made["project_id"], {"quota": {"port": -1}})
        found = [made]
    return str(found[0]["id"])


def work(number: int, network_id: str) -> None:
    client = connect()
    for turn in range(1_000_000):
        name = f"{number}-{turn}"
        body = {"port": {"network_id": network_id, "name": name}}
        port: dict[str, Any] = client.request("POST", "/v2.0/ports", body)["port"]
        say(f"mark made {port['id']} {name}")
        if turn % 3 == 1:
            client.request("PUT", f"/v2.0/ports/{port['id']}", {"port": {"name": f"{name}-new"}})
            say(f"mark named {port['id']} {name}-new")
        elif turn % 3 == 2:
            say(f"mark asked {port['id']}")
            client.request("DELETE", f"/v2.0/ports/{port['id']}")
            say(f"mark gone {port['id']}")


def main(load: str) -> int:
    client = connect()
    say("step the server answers")
    for port in client.get("/v2.0/ports")["ports"]:
        say(f"mark there {port['id']} {port['name']}")
    say("step all ports told")
    if load != "yes":
        return 0
    network_id = network(client)
    threads = [threading.Thread(target=work, args=(number, network_id)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("step the clients ended by themselves")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ""))
