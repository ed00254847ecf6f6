"""Facts about this host, read and never changed: what a start would meet, and what Heddle has here."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from heddle.host.process import command_of
from heddle.host.run import CommandError, run, succeeds

OURS = "heddle"
_LIST = ("ovs-vsctl", "--timeout=5", "--format=json")
_NAT = "add table ip t; add chain ip t c { type nat hook prerouting priority 0; }"


@dataclass(frozen=True, slots=True)
class Bridge:
    """An Open vSwitch bridge and the names of its ports."""

    name: str
    ours: bool
    ports: tuple[str, ...] = field(default=())


def vswitch_running() -> bool:
    return shutil.which("ovs-vsctl") is not None and succeeds(["ovs-vsctl", "--timeout=5", "show"])


def bridges() -> list[Bridge]:
    """The bridges of the host's Open vSwitch, none when it does not run."""
    try:
        answer = run([*_LIST, "--columns=name,external_ids,ports", "list", "Bridge"])
        ports = run([*_LIST, "--columns=_uuid,name", "list", "Port"])
    except CommandError:
        return []
    names = {uuid[1]: name for uuid, name in json.loads(ports)["data"]}
    found = []
    for name, external_ids, members in json.loads(answer)["data"]:
        uuids = members[1] if members[0] == "set" else [members]
        mine = sorted(names.get(uuid[1], "") for uuid in uuids)
        found.append(Bridge(name, OURS in dict(external_ids[1]), tuple(port for port in mine if port)))
    return found


def linux_bridge(name: str) -> bool:
    return Path(f"/sys/class/net/{name}/bridge").is_dir()


def port_taken(address: str, port: int) -> str:
    """Who listens there ("process 12 (nginx)" or "another process"), "" when the port is free."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            return ""
        except PermissionError:
            return "nobody but root may use it"
        except OSError as error:
            if error.errno != 98:
                return f"the address cannot be used: {error.strerror}"
    return _listener(port) or "another process"


def _listener(port: int) -> str:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _lines(table)[1:]:
            words = line.split()
            if words[3] == "0A" and int(words[1].rpartition(":")[2], 16) == port:
                inodes.add(f"socket:[{words[9]}]")
    for pid in (int(name) for name in os.listdir("/proc") if name.isdigit()):
        if inodes & set(_open_files(pid)):
            return f"process {pid} ({command_of(pid)[:60]})"
    return ""


def _open_files(pid: int) -> Iterator[str]:
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        with suppress(OSError):
            yield os.readlink(f"/proc/{pid}/fd/{name}")


def forward_policy() -> str:
    """What drops forwarded packets on this host by default: "docker", "firewalld", "a firewall" or ""."""
    try:
        rules = run(["nft", "list", "ruleset"], timeout=10)
    except CommandError:
        return ""
    dropping = re.search(r"hook forward priority [^;]*; policy drop;", rules)
    if "table inet firewalld" in rules:
        return "firewalld"
    if dropping and "DOCKER" in rules:
        return "docker"
    return "a firewall" if dropping else ""


def free_bytes(folder: Path) -> int:
    """Free space where `folder` is or would be made."""
    return shutil.disk_usage(_existing(folder)).free


def writable(folder: Path) -> bool:
    return os.access(_existing(folder), os.W_OK | os.X_OK)


def missing_commands(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if shutil.which(name) is None]


def missing_features() -> list[str]:
    """What the kernel lacks of network namespaces, veth, tun and nf_tables; a trial inside a namespace of its own."""
    missing = [] if Path("/dev/net/tun").exists() else ["tun (/dev/net/tun)"]
    if not succeeds(["unshare", "--net", "true"]):
        return [*missing, "network namespaces"]
    if not succeeds(["unshare", "--net", "ip", "link", "add", "hdl0", "type", "veth", "peer", "name", "hdl1"]):
        missing.append("veth")
    if not succeeds(["unshare", "--net", "nft", _NAT]):
        missing.append("nf_tables with NAT")
    return missing


def _existing(folder: Path) -> Path:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii").splitlines()
    except OSError:
        return [""]
