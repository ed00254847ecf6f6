"""The network between the hosts, as this one finds it: the device that bears an address."""

from __future__ import annotations

from collections.abc import Callable

from heddle.host import rtnetlink
from heddle.host.netlink import Netlink
from heddle.host.rtnetlink import Link

FindLink = Callable[[str], "Link | None"]


def link_of(address: str) -> Link | None:
    """The link that bears an address (as `ipaddress` writes it), None when none does."""
    socket = Netlink()
    try:
        by_index = {link.index: link for link in rtnetlink.links(socket)}
        found = (index for index, each in rtnetlink.addresses(socket) if each.partition("/")[0] == address)
        return next((by_index[index] for index in found if index in by_index), None)
    finally:
        socket.close()
