"""Of which protocols the kernel tracks the ports.  Newer kernels have no tracking for DCCP (6.18): what they know of it
are its addresses, so that a port of it can neither be translated nor told from others.

A protocol that is tracked has timeouts of its own in `/proc/sys`, where there are none before the module is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from heddle.host.run import succeeds

SETTINGS = Path("/proc/sys/net/netfilter")
_TIMEOUTS = {"dccp": "nf_conntrack_dccp_timeout_request", "sctp": "nf_conntrack_sctp_timeout_closed"}


def untracked(protocols: Iterable[str]) -> frozenset[str]:
    """Those whose ports this host's kernel does not track."""
    asked = [(each, SETTINGS / _TIMEOUTS[each]) for each in protocols if each in _TIMEOUTS]
    if asked and not (SETTINGS / "nf_conntrack_max").exists():
        succeeds(["modprobe", "-q", "nf_conntrack"])
    return frozenset(protocol for protocol, timeout in asked if not timeout.exists())
