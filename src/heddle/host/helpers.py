"""Conntrack helpers: what of the kernel reads a connection to know those that are agreed on in it, as FTP's data.

Which of them a kernel has is asked with a table that nft checks and does not make; asking loads the module where there
is one.  That the kernel also rewrites addresses in what it reads takes another module.
"""

from __future__ import annotations

from collections.abc import Iterable

from heddle.host.nft import Helper, Table, render
from heddle.host.run import CommandError, run, succeeds

Kind = tuple[str, str]

# The kernel's names where they are others; the helpers with a module that translates.
_NAMES = {("h323", "tcp"): "Q.931", ("h323", "udp"): "RAS"}
_TRANSLATING = {name: f"nf_nat_{name}" for name in ("amanda", "ftp", "h323", "irc", "pptp", "sip", "tftp")}
_TRANSLATING["snmp"] = "nf_nat_snmp_basic"


def helper_of(kind: Kind) -> Helper:
    """`kind`: the helper's name in the API, and the protocol."""
    name, protocol = kind
    return Helper(f"{name}-{protocol}", _NAMES.get(kind, name), protocol)


class Helpers:
    """The helpers of this host's kernel."""

    def __init__(self) -> None:
        self._there: set[Kind] = set()

    def lacking(self, kinds: Iterable[Kind]) -> frozenset[Kind]:
        """Those that the kernel does not have.  One that it lacked is asked for again, one that it has is not."""
        return frozenset(kind for kind in kinds if kind not in self._there and not self._found(kind))

    def _found(self, kind: Kind) -> bool:
        try:
            run(["nft", "-c", "-f", "-"], render(Table("inet", "heddle_helpers", helpers=(helper_of(kind),))))
        except CommandError as error:
            if error.status == 1:
                return False
            raise
        if kind[0] in _TRANSLATING:
            succeeds(["modprobe", "-q", _TRANSLATING[kind[0]]])
        self._there.add(kind)
        return True
