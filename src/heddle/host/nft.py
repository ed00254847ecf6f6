"""nftables: a table as data, its text, and one atomic replacement per namespace.

The text that `render` writes is what `nft list` prints, but for white space and the order of elements; so what is
there can be compared with what is wanted, and a rule that was removed or added by hand is seen.  The comparison costs
a process, and is made only when the kernel's generation counter, which moves by one with each commit in the namespace
and is asked over netlink, says that somebody committed something.  An unchanged table costs one such question.  Who
commits at the same moment as we do is seen too: the counter has then moved by more than one.

A change of elements alone (a floating IP more) becomes `add element` and `delete element`; everything else replaces
the table in one transaction.  Connections that exist are untouched by either.

Different versions of `nft` print some expressions differently.  What a table looks like right after it was written
is therefore remembered and counts as right too.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from heddle.host.netlink import Netlink, Request, attributes, within
from heddle.host.netns import Namespace, path_of
from heddle.host.run import CommandError, run

UNKNOWN = -1
_GET_GENERATION = 10 << 8 | 16
_ELEMENTS = re.compile(r"elements = \{([^}]*)\}")


@dataclass(frozen=True, slots=True)
class Elements:
    """A named set or map.  `kind` "set" or "map"; `type` as nft writes it, "typeof " before expressions; `items` as
    "key" or "key : value"."""

    kind: str
    name: str
    type: str
    items: tuple[str, ...] = ()
    flags: str = ""


@dataclass(frozen=True, slots=True)
class Chain:
    """`hook` as nft writes it: "type nat hook prerouting priority dstnat; policy accept;", or "" for none."""

    name: str
    hook: str
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Helper:
    """A conntrack helper that rules can set; `type` is the kernel's name of it, `protocol` "tcp" or "udp"."""

    name: str
    type: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Limit:
    """Packets a second that rules with its name let through together, and so many more at once."""

    name: str
    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class Table:
    """`counters` are the names of counters; what they have counted is not told."""

    family: str
    name: str
    elements: tuple[Elements, ...] = ()
    chains: tuple[Chain, ...] = ()
    counters: tuple[str, ...] = ()
    helpers: tuple[Helper, ...] = ()
    limits: tuple[Limit, ...] = ()


def render(table: Table) -> str:
    """The table as text."""
    blocks = [f"\tcounter {name} {{\n\t}}\n" for name in table.counters]
    blocks += [_render_limit(limit) for limit in table.limits]
    blocks += [_render_helper(helper) for helper in table.helpers]
    blocks += [_render_elements(item) for item in table.elements]
    blocks += [_render_chain(chain) for chain in table.chains]
    return f"table {table.family} {table.name} {{\n" + "\n".join(blocks) + "}\n"


def replacement(table: Table) -> str:
    """A script that puts the table in the place of what has its name, in one transaction."""
    head = f"table {table.family} {table.name}"
    return f"{head}\ndelete {head}\n{render(table)}"


def update(old: Table, new: Table) -> str:
    """A script that leads from one table to the other by elements alone; "" when that is not enough."""
    kept = (old.name, old.helpers, old.limits, old.chains, _frames(old))
    if kept != (new.name, new.helpers, new.limits, new.chains, _frames(new)):
        return ""
    lines: list[str] = []
    for before, after in zip(old.elements, new.elements, strict=True):
        where = f"element {new.family} {new.name} {after.name}"
        gone, more = differing(before.items, after.items)
        lines += [f"delete {where} {{ {', '.join(gone)} }}\n"] if gone else []
        lines += [f"add {where} {{ {', '.join(more)} }}\n"] if more else []
    return "".join(lines)


def differing(before: tuple[str, ...], after: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The elements that go and those that come, in order."""
    if before == after:
        return [], []
    old, new = set(before), set(after)
    return sorted(old - new), sorted(new - old)


def canonical(text: str) -> str:
    """The text without what may differ between equal tables: white space and the order of elements."""
    flat = " ".join(text.split())
    return _ELEMENTS.sub(lambda match: "elements = { " + ", ".join(_sorted(match[1])) + " }", flat)


def generation(filter: Netlink) -> int:
    """The number of the last commit to nftables in the namespace of the socket."""
    request = Request(_GET_GENERATION, struct.pack("=BBH", 0, 0, 0), 0, "nftables generation")
    for _, body in filter.ask(request):
        value = attributes(body, 4).get(1)
        if value:
            return int.from_bytes(value, "big")
    return 0


def load(filter: Netlink, script: str, before: int) -> int:
    """Run a script, one transaction, in the namespace of this thread, where the socket is at home too.

    Returns the generation that it made, or `UNKNOWN` when others have committed something since generation `before`.
    Raises `CommandError` when nft refuses it, then nothing is changed.
    """
    run(["nft", "-f", "-"], script)
    return before + 1 if generation(filter) == before + 1 else UNKNOWN


class Ruleset:
    """The one table of ours in a namespace, and what was last seen of it.  `fresh`: the namespace was just made."""

    def __init__(self, namespace: Namespace, fresh: bool = False) -> None:
        self._namespace = namespace
        self._fresh = fresh
        self._table: Table | None = None
        self._generation = UNKNOWN
        self._looks = ""

    def ensure(self, table: Table) -> str:
        """Make the table be there.  Returns "same", "changed", or "drift" when it was not as we had left it.

        Raises `CommandError` when nft refuses it.
        """
        now = generation(self._namespace.filter)
        if self._is_undisturbed(table, now):
            if table == self._table:
                return "same"
            self._apply((self._table and update(self._table, table)) or replacement(table), table, now)
            return "changed"
        outcome = "changed" if self._table is None else "drift"
        self._apply(replacement(table), table, now)
        if outcome == "drift":
            looks = canonical(self._list(table))
            self._looks = looks if generation(self._namespace.filter) == self._generation else ""
        return outcome

    def disturbed(self, table: Table) -> bool:
        """Whether `ensure` of this table would find another one than it had left."""
        return self._table is not None and not self._is_undisturbed(table, generation(self._namespace.filter))

    def _is_undisturbed(self, wanted: Table, now: int) -> bool:
        """Whether what is there in generation `now` is what we left; or, when that is not known, what is wanted."""
        if self._table is not None and now == self._generation:
            return True
        if self._fresh:
            self._fresh = False
            return False
        right = self._table or wanted
        there = canonical(self._list(wanted))
        if not there or there not in (canonical(render(right)), self._looks):
            return False
        self._table, self._generation = right, now
        return True

    def _apply(self, script: str, table: Table, now: int) -> None:
        self._table, self._generation, self._looks = None, UNKNOWN, ""
        filter = self._namespace.filter
        self._generation = within(path_of(self._namespace.name), lambda: load(filter, script, now))
        self._table = table

    def _list(self, table: Table) -> str:
        return listed(self._namespace, table)


def listed(namespace: Namespace, table: Table) -> str:
    """The table of that name as nft prints it, "" when there is none."""
    command = ["nft", "-s", "list", "table", table.family, table.name]
    try:
        return within(path_of(namespace.name), lambda: run(command))
    except CommandError as error:
        if error.status == 1:
            return ""
        raise


def _frames(table: Table) -> list[tuple[str, str, str, str]]:
    return [(item.kind, item.name, item.type, item.flags) for item in table.elements]


def _sorted(items: str) -> list[str]:
    return sorted(item.strip() for item in items.split(",") if item.strip())


def _render_elements(item: Elements) -> str:
    kind = item.type if item.type.startswith("typeof ") else f"type {item.type}"
    lines = [f"\t{item.kind} {item.name} {{", f"\t\t{kind}"]
    if item.flags:
        lines.append(f"\t\tflags {item.flags}")
    if item.items:
        lines.append(f"\t\telements = {{ {', '.join(item.items)} }}")
    return "\n".join([*lines, "\t}\n"])


def _render_helper(helper: Helper) -> str:
    kind = f'\t\ttype "{helper.type}" protocol {helper.protocol}'
    return f"\tct helper {helper.name} {{\n{kind}\n\t\tl3proto inet\n\t}}\n"


def _render_limit(limit: Limit) -> str:
    return f"\tlimit {limit.name} {{\n\t\trate {limit.rate}/second burst {limit.burst} packets\n\t}}\n"


def _render_chain(chain: Chain) -> str:
    hook = [f"\t\t{chain.hook}"] if chain.hook else []
    lines = [f"\tchain {chain.name} {{", *hook, *(f"\t\t{rule}" for rule in chain.rules), "\t}\n"]
    return "\n".join(lines)
