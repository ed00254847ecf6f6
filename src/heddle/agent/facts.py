"""What this host is, for the checks that ask (`view/facts.py`)."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import msgspec

from heddle import machine
from heddle.config import Settings
from heddle.errors import HeddleError
from heddle.host import programs
from heddle.view.facts import LEAST_NONCE, Facts, FactsQuestion, Fingerprint, HostSettings, Program

# What makes a guess at a secret cost: some 50 ms and 16 MiB.
_COST, _BLOCK = 2**14, 8


def facts(question: FactsQuestion, settings: Settings) -> Facts:
    """Raises `HeddleError` for a question by which secrets could be told apart at leisure."""
    if len(question.nonce) < LEAST_NONCE:
        raise HeddleError(f"the nonce of the question is shorter than {LEAST_NONCE} bytes")
    folders = (settings.host_folder, settings.paths.log, settings.paths.run)
    return msgspec.structs.replace(
        machine.here(settings, folders),
        programs=_programs(settings), settings=_settings(settings),
        fingerprints=tuple(_fingerprints(settings, question.nonce)), clock=time.time(),
    )  # fmt: skip


def _programs(settings: Settings) -> tuple[Program, ...]:
    """Those that the roles of this host use, and what guests run in, where it is there."""
    agent = settings.agent
    names = ["nftables"]
    names += ["openvswitch"] if agent.data_plane == "openvswitch" else []
    names += [program for role, program in (("dhcp", "dnsmasq"), ("router", "radvd")) if role in agent.roles]
    names += [program for program in ("qemu", "libvirt") if programs.installed(program)]
    kind, _, path = agent.ovsdb.partition(":")
    return programs.look(names, Path(path).parent if kind == "unix" else None)


def _settings(settings: Settings) -> HostSettings:
    agent = settings.agent
    return HostSettings(
        data_plane=agent.data_plane, roles=agent.roles, tunnel_ip=agent.tunnel_ip, report_seconds=agent.report_seconds,
        ha_port=agent.ha_port, ha_dead_seconds=agent.ha_dead_seconds, ha_preempt=agent.ha_preempt,
        dns_domain=settings.network.dns_domain, base_mac=settings.network.mac_beginning,
        isolated_networks=settings.metadata.isolated_networks, asks_nova=bool(settings.metadata.nova_host),
    )  # fmt: skip


def _fingerprints(settings: Settings, nonce: bytes) -> list[Fingerprint]:
    """Of the secrets that are the same on all hosts that use them; a host that does not use one tells nothing."""
    if not (settings.serves_metadata and settings.metadata.nova_host):
        return []
    return [Fingerprint(setting="metadata.shared_secret", value=fingerprint(settings.metadata.shared_secret, nonce))]


def fingerprint(secret: str, nonce: bytes) -> str:
    """The same for the same secret and nonce; what it tells of the secret is whether a guess was right."""
    return hashlib.scrypt(secret.encode(), salt=nonce, n=_COST, r=_BLOCK, p=1, dklen=16).hex()
