"""Hosts have an nft that knows what Heddle writes; the table of docs/checks.md says which."""

from __future__ import annotations

from heddle.checks import nodes, programs
from heddle.checks.base import Check, Finding, Level
from heddle.checks.context import Context


def check(context: Context) -> list[Finding]:
    return nodes.judged(nodes.hosts(context), programs.judge("nftables"), programs.praise("nftables"))


CHECK = Check(
    id="environment-nftables",
    title="nft is there, and new enough",
    reads="`nft --version` on each host",
    severity=Level.FAILURE,
    remedy="Install or upgrade the package nftables on that host.",
    check=check,
)
