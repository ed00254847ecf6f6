"""QoS policies of floating IPs and of a router's gateway, as chains of the router's table.  Pure.

A policy counts what has the address in question on the external network: before it is translated on the way in, and
after that on the way out.  So the gateway's counts what guests without a floating IP send and get (with SNAT on), and
the router itself.  A floating IP follows its own policy alone, as in the reference: that of the external network is
applied to the whole of the gateway's port (`agent/policing.py`).  Bandwidths count IP packets here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from heddle.agent.mirror import Mirror
from heddle.agent.policing import dscp_name, limit_rules, policing
from heddle.host.nft import Chain
from heddle.view.types import FloatingIpView, PortView, QosPolicyView, RouterView


def routers_with(mirror: Mirror, policy_id: str) -> set[str]:
    """The routers whose gateway, or one of whose floating IPs, follows a policy."""
    floating = {each.router_id for each in mirror.floating_ips.values() if each.qos_policy == policy_id}
    return floating | {each.id for each in mirror.routers.values() if each.qos_policy == policy_id}


def limit_chains(
    router: RouterView, device: str, gateway: PortView | None, floating: Iterable[FloatingIpView],
    policies: Mapping[str, QosPolicyView],
) -> list[Chain]:
    """None where no policy says anything; `device` is the gateway's, in quotes."""
    followers = [(item.floating_ip, item.qos_policy) for item in floating]
    followers += [(item.ip_address, router.qos_policy) for item in (gateway.fixed_ips if gateway else ())]
    into: list[str] = []
    out: list[str] = []
    for address, policy_id in followers:
        family = "ip6" if ":" in address else "ip"
        limits = policing(policies.get(policy_id))
        sender = f"oifname {device} {family} saddr {address}"
        out += [rule for each in limits.sent for rule in limit_rules(each, sender)]
        out += [f"{sender} {family} dscp set {dscp_name(limits.dscp)}"] if limits.dscp >= 0 else []
        receiver = f"iifname {device} {family} daddr {address}"
        into += [rule for each in limits.received for rule in limit_rules(each, receiver)]
    hooks = (("limits_in", "prerouting priority raw", into), ("limits_out", "postrouting priority srcnat + 10", out))
    chains = (Chain(name, f"type filter hook {hook}; policy accept;", tuple(rules)) for name, hook, rules in hooks)
    return [chain for chain in chains if chain.rules]
