"""A project's quota out of the way while it is measured."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from bench.client import ApiError, Client

_LIMITED = {"network", "subnet", "port", "router", "security_group", "security_group_rule"}


@contextlib.contextmanager
def unlimited(client: Client, say: Callable[[str], None] = print) -> Iterator[None]:
    """The project has no quota for a while.  Where the caller may not say so, the quota stays as it is."""
    try:
        network = client.call("POST", "/v2.0/networks", {"network": {"name": "bench-project"}})["network"]
        client.call("DELETE", f"/v2.0/networks/{network['id']}")
        url = f"/v2.0/quotas/{network['project_id']}"
        before, default = client.call("GET", url)["quota"], client.call("GET", f"{url}/default")["quota"]
        client.call("PUT", url, {"quota": dict.fromkeys(before.keys() & _LIMITED, -1)})
    except ApiError as error:
        say(f"the project's quota stays as it is: {error}")
        yield
        return
    try:
        yield
    finally:
        own = {name: before[name] for name in before.keys() & _LIMITED if before[name] != default.get(name)}
        client.call("DELETE", url)
        if own:
            client.call("PUT", url, {"quota": own})
