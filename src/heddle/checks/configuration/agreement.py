"""Settings of hosts go together: what must be the same on all of them is, and what must be each one's own is that.

Of settings that follow the host (its data plane, roles, physical networks) nothing is asked: they may differ.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.checks import nodes
from heddle.checks.agreement import Cloud, judge
from heddle.checks.base import Check, Finding, Level, well
from heddle.checks.context import Context
from heddle.checks.told import Node
from heddle.checks.words import counted


def check(context: Context) -> list[Finding]:
    settings = context.settings
    network, patience = settings.network, settings.server.agent_down_seconds
    cloud = Cloud(network.dns_domain, network.mac_beginning, network.overlay_ip_version, patience)
    return nodes.together(nodes.hosts(context), lambda seen: _all(seen, cloud))


def _all(seen: Iterable[Node], cloud: Cloud) -> list[Finding]:
    told = [(node.name, node.facts.settings) for node in seen if node.facts.settings]
    names = ", ".join(name for name, _ in told)
    praise = [well(f"settings of {counted(len(told), 'host')} go together", names)] if told else []
    return judge(told, cloud) or praise


CHECK = Check(
    id="configuration-agreement",
    title="Settings of hosts go together",
    reads="of each host agent.tunnel_ip, report_seconds, ha_port, ha_dead_seconds and ha_preempt, network.dns_domain "
    "and base_mac, metadata.isolated_networks and whether metadata.nova_host is set; of this server "
    "network.dns_domain, base_mac and overlay_ip_version, and server.agent_down_seconds",
    severity=Level.FAILURE,
    remedy="Write the same value on all hosts, or a host's own where it must be that, and restart their agents.",
    check=check,
)
