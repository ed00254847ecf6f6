"""Removing what Heddle has on this host, recognised by its marks; everything else is left alone.

Each function removes one kind of thing and returns the names of what it removed, so that running all of them
again returns nothing.  What another program made under a name like ours bears no mark and stays.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from heddle.host import card_queues, ha_files, ha_process, metadata, netns, probe, rtnetlink
from heddle.host.netlink import Netlink
from heddle.host.process import alive, command_of
from heddle.host.run import CommandError, run, succeeds

PREFIXES = ("qrouter-", "qfip-", "qdhcp-", "heddle-")
LINKS = ("tap", "qr-", "qg-", "fg-", "hdl-")
CONFIG = Path("/etc/netns")
OVS_MARKER = Path("/run/openvswitch/started-by-heddle")
OVS_CTL = "/usr/share/openvswitch/scripts/ovs-ctl"
OVS_FILES = ("/etc/openvswitch/conf.db", "/etc/openvswitch/.conf.db.~lock~", "/etc/openvswitch/system-id.conf")
OVS_QOS = "external_ids:heddle=queues"
OVS_FOLDERS = ("/var/log/openvswitch", "/run/openvswitch")


def our_namespaces() -> list[str]:
    """Names of namespaces with one of our prefixes whose loopback bears our mark."""
    return [name for prefix in PREFIXES for name in netns.names(prefix) if _marked(name)]


def _marked(name: str) -> bool:
    try:
        (loopback,) = json.loads(run(["ip", "-n", name, "-j", "link", "show", "lo"]))
    except (CommandError, ValueError):
        return not os.path.ismount(netns.path_of(name))
    return bool(loopback.get("ifalias") == netns.MARK)


def end_processes_in(namespaces: Iterable[str], seconds: float = 3.0) -> list[str]:
    """End what runs in the namespaces (dnsmasq, lab guests' programs)."""
    pids: set[int] = set()
    for name in namespaces:
        with suppress(CommandError):
            pids |= {int(word) for word in run(["ip", "netns", "pids", name]).split()}
    pids.discard(os.getpid())
    ended = [f"process {pid} ({command_of(pid)[:50]})" for pid in sorted(pids)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, number)
        deadline = time.monotonic() + seconds
        while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
            time.sleep(0.02)
    return ended


def end_metadata(run_folder: Path) -> list[str]:
    """End what answers guests: it is in no namespace, though its sockets are."""
    return ["the metadata process"] if metadata.end(run_folder / metadata.FOLDER) else []


def end_ha(run_folder: Path) -> list[str]:
    """End what agrees with other hosts on routers; they hear of it."""
    ended = ha_process.end(run_folder / ha_files.FOLDER)
    return ["the process of highly available routers"] if ended else []


def remove_bridges() -> tuple[list[str], list[str]]:
    """Remove our bridges in one transaction; returns their names and those of the network devices in them."""
    ours = [bridge for bridge in probe.bridges() if bridge.ours]
    if not ours:
        return [], []
    words = ["ovs-vsctl", "--timeout=30"]
    for bridge in ours:
        words += ["--", "--if-exists", "del-br", bridge.name]
    run(words, timeout=60)
    return [bridge.name for bridge in ours], sorted({port for bridge in ours for port in bridge.ports})


def remove_linux_bridges() -> tuple[list[str], list[str]]:
    """Remove our Linux bridges, and our devices of tunnels, VLANs and subports; returns their names and the ports'."""
    netlink = Netlink()
    try:
        links = list(rtnetlink.links(netlink))
        bridges = {link.index: link.name for link in links if link.kind == "bridge" and _bears_mark(link)}
        uplinks = [link.name for link in links if link.kind in ("vxlan", "vlan", "veth") and _bears_mark(link)]
        ours = [*bridges.values(), *uplinks]
        ports = [link.name for link in links if link.master in bridges and link.name not in ours]
        failures = netlink.run([rtnetlink.delete_link(name) for name in ours])
    finally:
        netlink.close()
    if failures:
        raise failures[0]
    return ours, ports


def _bears_mark(link: rtnetlink.Link) -> bool:
    return link.alias.startswith(f"{netns.MARK} ")


def remove_namespaces(names: Iterable[str]) -> list[str]:
    removed = []
    for name in names:
        netns.remove(name)
        removed.append(name)
    return removed


def remove_guest_folders() -> list[str]:
    """Remove what lab guests have below /etc/netns, and that folder when nothing else is in it."""
    folders = sorted(CONFIG.glob("heddle-guest-*"))
    for folder in folders:
        shutil.rmtree(folder)
    if folders and not any(CONFIG.iterdir()):
        with suppress(OSError):
            CONFIG.rmdir()
    return [str(folder) for folder in folders]


def remove_links(names: Iterable[str]) -> list[str]:
    """Remove the veths among these devices that are left in this namespace."""
    removed = []
    for name in names:
        there = name.startswith(LINKS) and os.path.exists(f"/sys/class/net/{name}")
        if there and succeeds(["ip", "link", "del", name]):
            removed.append(name)
    return removed


def remove_tables() -> list[str]:
    """Remove the nftables tables named heddle…"""
    removed = []
    try:
        found = json.loads(run(["nft", "-j", "list", "tables"]))["nftables"]
    except (CommandError, ValueError, KeyError):
        return []
    for entry in found:
        table = entry.get("table")
        if table and table["name"].startswith(netns.MARK):
            run(["nft", "delete", "table", table["family"], table["name"]])
            removed.append(f"{table['family']} {table['name']}")
    return removed


def remove_queues() -> list[str]:
    """Give network cards back to whose they were; returns their names."""
    removed = []
    with suppress(CommandError, ValueError):
        for card in sorted(card_queues.cards_with_queues()):
            card_queues.remove(card)
            removed.append(card)
    with suppress(CommandError):
        for qos in _found("QoS", OVS_QOS):
            words = [word for port in _found("Port", f"qos={qos}") for word in ("--", "clear", "Port", port, "qos")]
            run(["ovs-vsctl", "--timeout=10", *words, "--", "destroy", "QoS", qos])
    return removed


def _found(table: str, condition: str) -> list[str]:
    """The UUIDs of rows of Open vSwitch's database."""
    return run(["ovs-vsctl", "--timeout=10", "--bare", "--columns=_uuid", "find", table, condition]).split()


def remove_user(name: str) -> bool:
    """Whether there was such a user."""
    return succeeds(["userdel", name])


def remove_folder(folder: Path) -> bool:
    """Remove a folder with all that is in it; whether it was there."""
    if not folder.is_dir():
        return False
    shutil.rmtree(folder)
    return True


def end_vswitch() -> bool:
    """End an Open vSwitch that our setup started by itself, and remove the files that it made.  Whether it did."""
    try:
        kept = set(OVS_MARKER.read_text(encoding="utf-8").split())
    except OSError:
        return False
    if any(True for _ in probe.bridges()):
        return False
    with suppress(CommandError):
        run([OVS_CTL, "stop"], timeout=30)
    for path in map(Path, OVS_FILES):
        if str(path) not in kept:
            path.unlink(missing_ok=True)
    for folder in map(Path, OVS_FOLDERS):
        if str(folder) not in kept:
            remove_folder(folder)
    OVS_MARKER.unlink(missing_ok=True)
    return True
