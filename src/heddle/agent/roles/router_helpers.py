"""The conntrack helpers of a router, as objects and rules of its nftables table.

A helper is set on a connection before its addresses are translated, by the port to which it was opened, for both IP
versions.  The connections that are agreed on in it are let through and translated as its own.
"""

from __future__ import annotations

from collections.abc import Collection

from heddle.host.helpers import Kind, helper_of
from heddle.host.nft import Chain, Helper
from heddle.view.types import RouterView


def kinds(router: RouterView) -> frozenset[Kind]:
    return frozenset((each.helper, each.protocol) for each in router.conntrack_helpers)


def helpers(
    router: RouterView, lacking: Collection[Kind], problems: dict[tuple[str, str], str]
) -> tuple[tuple[Helper, ...], tuple[Chain, ...]]:
    """The objects, and the chain that sets them; none where there are no helpers.

    `problems`: that the kernel has some not, by (kind, id).
    """
    usable = sorted(kinds(router) - set(lacking))
    for name, protocol in sorted(kinds(router) & set(lacking)):
        problems["router", router.id] = (
            f"the kernel of this host has no conntrack helper {name} for {protocol}: where it is a module, install it "
            f"(nf_conntrack_{name.replace('-', '_')}), else take the helper from the router or move the router"
        )
    rules = sorted(
        (each.protocol, each.port, helper_of((each.helper, each.protocol)).name)
        for each in router.conntrack_helpers
        if (each.helper, each.protocol) in usable
    )
    if not rules:
        return (), ()
    texts = tuple(f'{protocol} dport {port} ct helper set "{name}"' for protocol, port, name in rules)
    chain = Chain("helpers", "type filter hook prerouting priority mangle; policy accept;", texts)
    return tuple(helper_of(kind) for kind in usable), (chain,)
