"""MAC addresses of ports: as asked, or random below the cloud's own prefix."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Sequence

from heddle.control.context import Context
from heddle.errors import Conflict
from heddle.model.network import Network
from heddle.model.port import Port
from heddle.model.resource import Draft
from heddle.store.query import ports as q


def choose(ctx: Context, network: Network, drafts: Sequence[Draft[Port]]) -> list[str]:
    """An address for each port.  Raises `Conflict` for one that is in use on the network."""
    given = [draft.value.mac_address for draft in drafts if draft.value.mac_address]
    taken = q.macs_in_use(ctx.tx, network.id, given) if given else set()
    repeated = [mac for mac, count in Counter(given).items() if count > 1]
    for mac in [*sorted(taken), *repeated]:
        raise Conflict(
            "MacAddressInUse",
            f"Unable to complete operation for network {network.id}. The mac address {mac} is in use.",
        )
    fresh = iter(_fresh_macs(ctx, network, len(drafts) - len(given), set(given)))
    return [draft.value.mac_address or next(fresh) for draft in drafts]


def _fresh_macs(ctx: Context, network: Network, count: int, taken: set[str]) -> list[str]:
    """Random addresses, all different.

    Of many it is looked whether they are in use on the network; for one the unique key, and another try of the
    whole verb, is enough.
    """
    base = ctx.settings.network.mac_beginning
    chosen: list[str] = []
    while len(chosen) < count:
        missing = count - len(chosen)
        drawn = {base + "".join(f":{byte:02x}" for byte in secrets.token_bytes(3)) for _ in range(missing)} - taken
        if count > 1:
            drawn -= q.macs_in_use(ctx.tx, network.id, drawn)
        taken |= drawn
        chosen += drawn
    return chosen
