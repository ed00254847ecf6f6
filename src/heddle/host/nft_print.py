"""What `nft` prints of tables, whatever its version and the names that its host knows of protocols.

A rule has several spellings: `meta l4proto 47` is printed as gre where the host knows that name, and of an ICMP message
nft leaves out the IP version.  So the tables are loaded where no packet is, in a network namespace that lives as long
as the question, and read back from there.
"""

from __future__ import annotations

from collections.abc import Sequence

from heddle.host.netlink import unshare, within
from heddle.host.nft import Table, canonical, render
from heddle.host.run import CommandError, run

Looks = dict[str, list[str]]


def parts(text: str) -> list[str]:
    """The sets and chains of a table, in an order of their own: that in which they were made says nothing."""
    return sorted(canonical(part) for part in text.split("\n\t}"))


def written(tables: Sequence[Table]) -> Looks:
    """The parts of tables as we write them, by family."""
    return {table.family: parts(render(table)) for table in tables}


def read(tables: Sequence[Table]) -> Looks:
    """The parts of the tables of those names as nft prints them, in the namespace of this thread."""
    return {table.family: parts(_list(table)) for table in tables}


def printed(tables: Sequence[Table]) -> Looks:
    """The parts of these tables as nft would print them; none where they cannot be loaded apart from their devices."""
    try:
        return within("/proc/self/ns/net", lambda: _apart(tables))
    except (OSError, CommandError):
        return {}


def _apart(tables: Sequence[Table]) -> Looks:
    unshare()
    run(["nft", "-f", "-"], "".join(map(render, tables)))
    return read(tables)


def _list(table: Table) -> str:
    """The table as nft prints it, "" when there is none."""
    try:
        return run(["nft", "-s", "list", "table", table.family, table.name])
    except CommandError as error:
        if error.status == 1:
            return ""
        raise
