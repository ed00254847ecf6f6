"""Versions of what Heddle stands on, as hosts and servers must have them.  Pure.

`least`: an older one lacks something, and `why` says what; "" where none is known that is too old.  `tried`: the oldest
with which Heddle's own tests run, so that of an older one nobody knows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from heddle.checks.base import Finding, failure, unknown, warning


@dataclass(frozen=True, slots=True)
class Need:
    name: str
    least: str
    why: str
    tried: str


NEEDS = {
    "python": Need("Python", "3.11", "Heddle is written in it", "3.11"),
    "kernel": Need("Linux", "5.16", "limits of what ports receive are at the egress hook of nftables", "6.1"),
    "openvswitch": Need("Open vSwitch", "2.13", "userspace datapaths limit a network's connections from it on", "3.1"),
    "nftables": Need("nftables", "1.0.1", "it knows the egress hook, where limits of what ports receive are", "1.0.6"),
    "dnsmasq": Need("dnsmasq", "", "", "2.90"),
    "radvd": Need("radvd", "", "", "2.19"),
}


def numbers(version: str) -> tuple[int, ...]:
    """6.1.0-18-amd64 as (6, 1, 0): what counts is before any word; () for what is no version."""
    found = re.match(r"v?([0-9]+(?:\.[0-9]+)*)", version.strip())
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def older(version: str, than: str) -> bool:
    """2.9 is older than 2.90, and 3.1 is not older than 3.1.0."""
    one, two = numbers(version), numbers(than)
    width = max(len(one), len(two))
    return one + (0,) * (width - len(one)) < two + (0,) * (width - len(two))


def judged(key: str, version: str, where: str, node: str, lack: str = "") -> Finding | None:
    """None for a version that is well; `where` in words, as "host1" or "this server"; `lack`: why none is known."""
    need = NEEDS[key]
    if not numbers(version):
        reason = lack or (f"{version!r} is no version" if version else "it is not told")
        return unknown(f"the version of {need.name} on {where} is not known: {reason}", node=node)
    what = f"{where} has {need.name} {version}"
    if need.least and older(version, need.least):
        return failure(f"{what}, older than {need.least}: {need.why}", version, node=node)
    if older(version, need.tried):
        return warning(f"{what}, older than {need.tried}, the oldest that Heddle is tested with", version, node=node)
    return None


def table() -> str:
    """For the docs."""
    lines = ["| program | not older than | because | tested from |", "|---|---|---|---|"]
    lines += [f"| {each.name} | {each.least or '-'} | {each.why or '-'} | {each.tried} |" for each in NEEDS.values()]
    return "\n".join(lines)
