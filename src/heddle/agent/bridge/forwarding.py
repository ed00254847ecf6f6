"""Where the ports of a tunnelled network are, as entries of its devices.  Pure.

Nothing is learned from tunnels: a frame for a port elsewhere goes to its host alone, one for everybody to each host
that has the network.  The bridge answers for the addresses of ports elsewhere, so that questions for them do not
travel.
"""

from __future__ import annotations

from heddle.agent.addresses import checked_mac
from heddle.agent.mirror import Mirror
from heddle.host.bridge_links import ZERO_MAC, Entry


def entries_of(mirror: Mirror, network_id: str, here: str, bridge: str, tunnel: str) -> set[Entry]:
    """The entries of a network's bridge and tunnel device; `here` is this host.  Raises `ValueError`."""
    found: set[Entry] = set()
    for each in mirror.neighbours_by_network.of(network_id):
        host = mirror.hosts.get(each.host)
        if each.host == here or host is None or not host.tunnel_ip:
            continue
        mac = checked_mac(each.mac_address)
        found.add(Entry(tunnel, "tunnel", ZERO_MAC, host.tunnel_ip))
        found.add(Entry(tunnel, "tunnel", mac, host.tunnel_ip))
        found.add(Entry(tunnel, "port", mac))
        found |= {Entry(bridge, "neighbour", mac, ip.ip_address) for ip in each.fixed_ips}
    return found
