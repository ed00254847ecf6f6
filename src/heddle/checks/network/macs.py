"""A port that not all may hear has a MAC address of the cloud's own, where its network is on a physical one.

Hosts that have not heard of it yet would take it for a device outside of the cloud, whom all hear.  Servers refuse such
ports; these were there before they did, or before `network.base_mac` changed.
"""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, warning, well
from heddle.checks.context import Context
from heddle.control.foreign_macs import foreign
from heddle.store.query.apart import apart_with_an_outside

SHOWN = 10


def check(context: Context) -> list[Finding]:
    beginning = context.settings.network.mac_beginning
    with context.cloud() as tx:
        ports = apart_with_an_outside(tx, beginning)
    found = sorted((port.id, min(macs)) for port in ports if (macs := foreign(port, beginning)))
    if not found:
        return [well(f"all that may be sent from where not all may hear it begins with {beginning}")]
    more = [warning(f"and {len(found) - SHOWN} more ports")] if len(found) > SHOWN else []
    shown = [warning(f"port {id} has {mac}, which does not begin with {beginning}", id) for id, mac in found[:SHOWN]]
    return shown + more


CHECK = Check(
    id="network-macs",
    title="Ports that not all may hear have MAC addresses of the cloud's own",
    reads="MAC addresses, and those of allowed address pairs, of isolated and community ports, and of guests whose "
    "networks have heddle:subnet_isolation, on physical networks",
    severity=Level.WARNING,
    remedy="Give the port another MAC address (`mac_address` null lets the cloud choose one), or take the pair away; "
    "until then all hear what it sends for the moment until other hosts know of it.",
    check=check,
)
