"""What is free of a range of numbers, as runs that neither touch nor overlap: of a subnet's pools, of a subnet pool.

A run that loses its first number is changed in place; one that loses others is cut in two; what comes back is joined
to the runs beside it.  Each is a constant number of statements, however large the range.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import sqlalchemy as sa

from heddle.store.engine import Tx

Run = tuple[int, int]
_PAGE = 200


def _hex(number: int) -> str:
    return f"{number:032x}"


class Ranges:
    """The free runs in one table, each of an owner: `column` has the id of the owner, which is a row of `owners`.

    Numbers are kept as 32 hexadecimal digits, whose order as text is theirs as numbers.  Who changes runs holds the
    owner's row until the transaction ends: runs are several rows, which change together.
    """

    def __init__(self, table: sa.Table, column: str, owners: sa.Table) -> None:
        self._table, self._owner, self._column = table, table.c[column], column
        c = table.c
        mine = self._owner == sa.bindparam("owner")
        self._holding = sa.select(owners.c.id).where(owners.c.id == sa.bindparam("owner")).with_for_update()
        self._lowest = sa.select(c.first, c.last).where(mine).order_by(c.first).limit(sa.bindparam("most"))
        this = (mine, c.first == sa.bindparam("old"))
        self._move = sa.update(table).where(*this).values(first=sa.bindparam("low"), last=sa.bindparam("high"))
        self._drop = sa.delete(table).where(*this)
        self._insert = sa.insert(table)
        self._at = (
            sa.select(c.first, c.last).where(mine, c.first <= sa.bindparam("number")).order_by(c.first.desc()).limit(1)
        )
        self._after = sa.select(c.last).where(mine, c.first == sa.bindparam("number"))

    def hold(self, tx: Tx, owner: str) -> None:
        """Let nobody else take or give back numbers of an owner."""
        if not tx.alone and owner not in tx.held:
            tx.conn.execute(self._holding, {"owner": owner})
            tx.held.add(owner)

    def set(self, tx: Tx, owner: str, runs: Iterable[Run]) -> None:
        """Replace what is free."""
        self.hold(tx, owner)
        self.drop(tx, owner)
        self._add(tx, owner, list(runs))

    def drop(self, tx: Tx, owner: str) -> None:
        tx.conn.execute(sa.delete(self._table).where(self._owner == owner))

    def has_free(self, tx: Tx, owner: str) -> bool:
        query = sa.select(self._table.c.first).where(self._owner == owner).limit(1)
        return tx.conn.execute(query).first() is not None

    def runs(self, tx: Tx, owner: str) -> Iterator[Run]:
        """The free runs in order, read a page at a time, so that who stops early reads few."""
        c = self._table.c
        query = sa.select(c.first, c.last).where(self._owner == owner).order_by(c.first).limit(_PAGE)
        after = ""
        while True:
            rows = tx.conn.execute(query.where(c.first > after)).all()
            for first, last in rows:
                yield int(first, 16), int(last, 16)
            if len(rows) < _PAGE:
                return
            after = rows[-1][0]

    def free(self, tx: Tx, owners: Sequence[str]) -> dict[str, int]:
        """How many numbers are free with each of the owners that have any."""
        found: dict[str, int] = {}
        c = self._table.c
        for start in range(0, len(owners), 500):
            query = sa.select(self._owner, c.first, c.last).where(self._owner.in_(owners[start : start + 500]))
            for owner, first, last in tx.conn.execute(query):
                found[owner] = found.get(owner, 0) + int(last, 16) - int(first, 16) + 1
        return found

    def take_lowest(self, tx: Tx, owner: str, count: int) -> list[int]:
        """Take up to `count` of the lowest free numbers; fewer where there are not as many."""
        self.hold(tx, owner)
        taken: list[int] = []
        for first, last in tx.conn.execute(self._lowest, {"owner": owner, "most": count}).all():
            low, high = int(first, 16), int(last, 16)
            end = min(high, low + count - len(taken) - 1)
            taken.extend(range(low, end + 1))
            self._replace(tx, owner, low, [(end + 1, high)] if end < high else [])
            if len(taken) == count:
                break
        return taken

    def take(self, tx: Tx, owner: str, low: int, high: int | None = None) -> bool:
        """Take one number, or all from `low` to `high`.  False: not all of them are free."""
        self.hold(tx, owner)
        high = low if high is None else high
        run = self._run_at(tx, owner, low)
        if run is None or run[1] < high:
            return False
        first, last = run
        parts = [(first, low - 1)] if first < low else []
        if high < last:
            parts.append((high + 1, last))
        self._replace(tx, owner, first, parts)
        return True

    def give_back(self, tx: Tx, owner: str, low: int, high: int | None = None) -> None:
        """Make a number, or all from `low` to `high`, free again, joined with the neighbours; none was free before."""
        self.hold(tx, owner)
        high = low if high is None else high
        before = self._run_at(tx, owner, low)
        if before is not None and before[1] >= low:
            return
        old: list[int] = []
        if before is not None and before[1] == low - 1:
            low = before[0]
            old.append(before[0])
        after = tx.conn.execute(self._after, {"owner": owner, "number": _hex(high + 1)}).scalar_one_or_none()
        if after is not None:
            old.append(high + 1)
            high = int(after, 16)
        if old:
            joined = self._table.c.first.in_([_hex(first) for first in old])
            tx.conn.execute(sa.delete(self._table).where(self._owner == owner, joined))
        self._add(tx, owner, [(low, high)])

    def _run_at(self, tx: Tx, owner: str, number: int) -> Run | None:
        """The last run that begins at or below a number."""
        row = tx.conn.execute(self._at, {"owner": owner, "number": _hex(number)}).first()
        return None if row is None else (int(row[0], 16), int(row[1], 16))

    def _replace(self, tx: Tx, owner: str, first: int, parts: Sequence[Run]) -> None:
        where = {"owner": owner, "old": _hex(first)}
        if len(parts) == 1:
            low, high = parts[0]
            tx.conn.execute(self._move, where | {"low": _hex(low), "high": _hex(high)})
            return
        tx.conn.execute(self._drop, where)
        self._add(tx, owner, parts)

    def _add(self, tx: Tx, owner: str, runs: Sequence[Run]) -> None:
        if runs:
            rows = [{self._column: owner, "first": _hex(first), "last": _hex(last)} for first, last in runs]
            tx.conn.execute(self._insert, rows)
