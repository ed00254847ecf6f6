"""From one nftables table to another, by what differs: chains, sets, and the elements of sets.

The order is such that nothing is named before it is there, and nothing goes while it is named.
"""

from __future__ import annotations

from heddle.host.nft import Elements, Table, differing


def delta(old: Table, new: Table) -> str:
    """A script that leads from `old` to `new`, which have the same name; "" when they are equal.

    A set or base chain whose kind changed, and other counters or limits, are not handled: such tables are replaced.
    Raises `ValueError` for them.
    """
    if (old.counters, old.limits) != (new.counters, new.limits):
        raise ValueError("a counter or a limit is another")
    here = f"{new.family} {new.name}"
    before, after = {each.name: each for each in old.elements}, {each.name: each for each in new.elements}
    chains_before, chains_after = {each.name: each for each in old.chains}, {each.name: each for each in new.chains}
    _same_shape(before, after, {each.name: each.hook for each in old.chains}, {c.name: c.hook for c in new.chains})
    lines = [_declare(here, each) for name, each in after.items() if name not in before]
    for name, chain in chains_after.items():
        if name not in chains_before:
            lines.append(f"add chain {here} {name}" + (f" {{ {chain.hook} }}" if chain.hook else ""))
    for name, each in after.items():
        lines += _elements(here, name, before[name].items if name in before else (), each.items)
    for name, chain in chains_after.items():
        had = chains_before.get(name)
        if had is None or had.rules != chain.rules:
            lines.append(f"flush chain {here} {name}")
            lines += [f"add rule {here} {name} {rule}" for rule in chain.rules]
    gone = [name for name in chains_before if name not in chains_after]
    lines += [f"flush chain {here} {name}" for name in gone]
    lines += [f"delete {before[name].kind} {here} {name}" for name in before if name not in after]
    lines += [f"delete chain {here} {name}" for name in gone]
    return "".join(f"{line}\n" for line in lines)


def _same_shape(
    before: dict[str, Elements], after: dict[str, Elements], hooks_before: dict[str, str], hooks: dict[str, str]
) -> None:
    for name, each in after.items():
        had = before.get(name)
        if had is not None and (had.kind, had.type, had.flags) != (each.kind, each.type, each.flags):
            raise ValueError(f"the set {name} is of another type")
    for name, hook in hooks.items():
        if hooks_before.get(name, hook) != hook:
            raise ValueError(f"the chain {name} has another hook")


def _declare(here: str, item: Elements) -> str:
    kind = item.type if item.type.startswith("typeof ") else f"type {item.type}"
    flags = f" flags {item.flags};" if item.flags else ""
    return f"add {item.kind} {here} {item.name} {{ {kind};{flags} }}"


def _elements(here: str, name: str, before: tuple[str, ...], after: tuple[str, ...]) -> list[str]:
    gone, more = differing(before, after)
    lines = [f"delete element {here} {name} {{ {', '.join(gone)} }}"] if gone else []
    return lines + ([f"add element {here} {name} {{ {', '.join(more)} }}"] if more else [])
