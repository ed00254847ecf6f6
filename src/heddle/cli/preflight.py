"""`heddle preflight`: what would be in the way of a start, all of it at once, before anything is touched.

A finding says what, where and how to mend.  A blocker stops the start; a warning is printed and the start goes on.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heddle.cli.layout import Layout, is_ours
from heddle.cli.supervisor import holder
from heddle.config import Settings

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

NEEDED = 1_000_000_000
WANTED = 5_000_000_000
OVS_COMMANDS = ("ovs-vsctl", "ovs-ofctl")
COMMANDS = ("dnsmasq", "radvd", "nft", "ip", "tc", "conntrack", "ethtool")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in the way: what and where, and how to mend it."""

    what: str
    mend: str
    blocks: bool = True

    def __str__(self) -> str:
        return f"{'BLOCKER' if self.blocks else 'warning'}  {self.what}\n         -> {self.mend}"


def register(commands: Subparsers) -> None:
    commands.add_parser("preflight", help="look for what would be in the way of a start, and change nothing")


def run(args: argparse.Namespace, settings: Settings) -> int:
    findings = look(settings)
    for finding in findings:
        print(finding)
    blockers = sum(finding.blocks for finding in findings)
    print(f"{blockers} blockers, {len(findings) - blockers} warnings.")
    return 1 if blockers else 0


def passed(settings: Settings) -> bool:
    """Print the findings to stderr; whether a start may go on."""
    findings = look(settings)
    for finding in findings:
        print(finding, file=sys.stderr)
    return not any(finding.blocks for finding in findings)


def look(settings: Settings) -> list[Finding]:
    """All findings, blockers first."""
    found: list[Finding] = []
    for check in CHECKS:
        found.extend(check(settings))
    return sorted(found, key=lambda finding: not finding.blocks)


def _root(settings: Settings) -> Iterator[Finding]:
    if os.geteuid() != 0:
        yield Finding(f"This runs as user {os.geteuid()}; namespaces and Open vSwitch need root.",
                      "Run it as root, for example with sudo.")  # fmt: skip


def _commands(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import missing_commands

    if missing := missing_commands((*OVS_COMMANDS, *COMMANDS) if _has_vswitch(settings) else COMMANDS):
        yield Finding(f"Commands that Heddle uses are not installed: {', '.join(missing)}.", "Run `make setup`.")


def _has_vswitch(settings: Settings) -> bool:
    return settings.agent.data_plane == "openvswitch"


def _kernel(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import missing_features

    if os.geteuid() == 0 and (missing := missing_features()):
        yield Finding(f"The kernel {platform.release()} lacks: {', '.join(missing)}.",
                      "Load the modules (modprobe veth tun nf_tables nft_chain_nat); in a container, allow NET_ADMIN "
                      "and SYS_ADMIN, and give it /dev/net/tun.")  # fmt: skip


def _vswitch(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import vswitch_running

    if os.geteuid() == 0 and _has_vswitch(settings) and not vswitch_running():
        yield Finding("Open vSwitch does not answer (ovs-vsctl show).",
                      "Run `make setup`, or: systemctl start openvswitch-switch; on a machine without systemd: "
                      "/usr/share/openvswitch/scripts/ovs-ctl start --system-id=random")  # fmt: skip


def _bridges(settings: Settings) -> Iterator[Finding]:
    from heddle.host import probe

    if not _has_vswitch(settings):
        return
    mapped = [mapping.rpartition(":")[2] for mapping in settings.agent.bridge_mappings]
    wanted = dict.fromkeys(["br-int", "br-tun", *mapped])
    theirs = {bridge.name for bridge in probe.bridges() if not bridge.ours}
    for name in wanted:
        if name in theirs:
            yield Finding(f"Open vSwitch has a bridge {name} that Heddle did not make (no external_ids:heddle).",
                          f"If nothing uses it: ovs-vsctl del-br {name}. If Heddle shall take it over as it is: "
                          f"ovs-vsctl br-set-external-id {name} heddle bridge. For br-ex, another name in "
                          "agent.bridge_mappings does as well.")  # fmt: skip
        elif probe.linux_bridge(name):
            yield Finding(f"The host has a Linux bridge named {name}.", f"Rename or remove it: ip link delete {name}.")


def _api_port(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import port_taken

    server = settings.server
    if holder(Layout(settings).lock):
        return
    if who := port_taken(server.listen, server.port):
        yield Finding(f"The API's port {server.listen}:{server.port} is in use: {who}.",
                      "End that process, or start with --set server.port=ANOTHER (or [server] port in the settings "
                      "file).")  # fmt: skip


def _folders(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import free_bytes, writable

    for folder in Layout(settings).folders:
        if not writable(folder):
            yield Finding(f"{folder} cannot be written.", "Run as root, or name another folder in section paths.")
        elif folder.is_dir() and any(folder.iterdir()) and not is_ours(folder):
            yield Finding(f"{folder} holds files that are not Heddle's.",
                          "Empty it, or name another folder in the settings, section paths.")  # fmt: skip
    state = Path(settings.paths.state)
    free = free_bytes(state)
    if free < WANTED:
        yield Finding(f"{free / 1e9:.1f} GB are free where {state} is; database and logs may need {WANTED / 1e9:.0f}.",
                      "Free some space, or name another folder in section paths.", blocks=free < NEEDED)  # fmt: skip


def _forwarding(settings: Settings) -> Iterator[Finding]:
    from heddle.host.probe import forward_policy

    if (who := forward_policy()) and os.geteuid() == 0:
        how = {
            "docker": "iptables -I DOCKER-USER -i br-ex -j ACCEPT; iptables -I DOCKER-USER -o br-ex -j ACCEPT",
            "firewalld": "firewall-cmd --zone=trusted --add-interface=br-ex (and --permanent)",
        }.get(who, "accept packets to and from br-ex in its forward chain")
        yield Finding(f"Packets that this host forwards are dropped by default ({who}). Heddle's traffic "
                      "does not pass there; packets from br-ex to another card would.",
                      f"Only if guests shall reach other networks through this host: {how}", blocks=False)  # fmt: skip


CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _root, _commands, _kernel, _vswitch, _bridges, _api_port, _folders, _forwarding,
)  # fmt: skip
