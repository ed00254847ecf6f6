"""Where the ports of a tunnelled network are, as entries of its devices.  Pure.

Nothing is learned from tunnels: a frame for a port elsewhere goes to its host alone, one for everybody to each host
that has the network.  The bridge answers for the addresses of ports elsewhere, so that questions for them do not
travel.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heddle.agent.addresses import checked_mac
from heddle.agent.kinds import meets_all
from heddle.host.bridge_links import ZERO_MAC, Entry
from heddle.view.types import NeighbourView, NetworkView


def entries_of(
    network: NetworkView, remote: Iterable[NeighbourView], hosts: Mapping[str, str], bridge: str, tunnel: str
) -> set[Entry]:
    """The entries of a network's bridge and tunnel device.  Raises `ValueError`.

    `remote` are its ports elsewhere, `hosts` the tunnel addresses of the hosts that can be reached.  The bridge answers
    for those that all meet.
    """
    found: set[Entry] = set()
    for each in remote:
        if each.host not in hosts:
            continue
        mac = checked_mac(each.mac_address)
        found.add(Entry(tunnel, "tunnel", ZERO_MAC, hosts[each.host]))
        found.add(Entry(tunnel, "tunnel", mac, hosts[each.host]))
        found.add(Entry(tunnel, "port", mac))
        if not meets_all(each, network):
            continue
        found |= {Entry(bridge, "neighbour", mac, ip.ip_address) for ip in each.fixed_ips}
    return found
