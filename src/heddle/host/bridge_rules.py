"""nftables tables of this host, as those of its bridges: all of a change in one transaction, and what others changed.

What is there is compared only when the kernel's generation counter says that somebody else committed something.  As
`nft` prints some expressions in another way than they are written, what it prints of our tables is read once after
a change of ours, when the next audit comes, and compared with that.  Where that is not known, because an earlier
process made the tables or others have committed something between two changes of ours, they are compared with what was
written and, if they differ, with how nft prints that (`nft_print.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from heddle.host import conntrack
from heddle.host.netlink import NETFILTER, Netlink
from heddle.host.nft import UNKNOWN, Table, generation, load, replacement
from heddle.host.nft_delta import delta
from heddle.host.nft_print import Looks, printed, read, written

log = logging.getLogger(__name__)


class BridgeRules:
    def __init__(self) -> None:
        self._filter = Netlink(NETFILTER)
        self._tables: tuple[Table, ...] = ()
        self._generation = UNKNOWN
        self._looks: Looks = {}

    def close(self) -> None:
        self._filter.close()

    def forget(self, gone: Collection[tuple[int, str]]) -> None:
        """Forget the connections of these (zone, address); "" stands for all of a zone."""
        forgotten = conntrack.forget(self._filter, gone)
        if forgotten:
            log.info("connections forgotten=%d", forgotten)

    def ensure(self, tables: tuple[Table, ...]) -> bool:
        """Make the tables be there; returns whether something was changed.  Raises `CommandError`, then nothing was.

        The first time, tables that are already as wanted are left alone; others are replaced at once.
        """
        if tables == self._tables:
            return False
        before = self._generation if self._tables else generation(self._filter)
        if not self._tables and _alike(tables, read(tables)):
            self._note(tables, before)
            return False
        try:
            script = "".join(delta(old, new) for old, new in zip(self._tables, tables, strict=True))
        except ValueError:
            script = "".join(map(replacement, tables))
        self._note(tables, load(self._filter, script, before))
        return True

    def repair(self) -> bool:
        """Whether the tables were changed by hand; they are replaced by what they should be.  Raises `CommandError`."""
        if not self.disturbed():
            return False
        self.replace(self._tables)
        return True

    def replace(self, tables: tuple[Table, ...]) -> None:
        """Put the tables in the place of what is there.  Raises `CommandError`, then nothing was changed."""
        script = "".join(map(replacement, tables))
        self._note(tables, load(self._filter, script, generation(self._filter)))

    def disturbed(self) -> bool:
        """Whether the tables were changed by hand.  Raises `CommandError`."""
        if not self._tables:
            return False
        now = generation(self._filter)
        if now == self._generation and self._looks:
            return False
        looks = read(self._tables)
        if now == self._generation == generation(self._filter):
            self._looks = looks
            return False
        if looks == self._looks or _alike(self._tables, looks):
            self._generation, self._looks = now, looks
            return False
        return True

    def _note(self, tables: tuple[Table, ...], generation: int) -> None:
        self._tables, self._generation, self._looks = tables, generation, {}


def _alike(tables: tuple[Table, ...], looks: Looks) -> bool:
    """Whether what nft prints is that of these tables."""
    return looks == written(tables) or looks == printed(tables)
