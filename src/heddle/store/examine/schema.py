"""Where a database is not as the tables of this program are declared, in words."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from heddle.store import tables
from heddle.store.engine import Tx


def differences(tx: Tx) -> list[str]:
    """Each as "table ports: is missing"; what is only there, as an index that an operator made, is told too."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    context = MigrationContext.configure(tx.conn, opts={"compare_type": True, "compare_server_default": True})
    found: list[str] = []
    for each in compare_metadata(context, tables.METADATA):
        found += [_change(part) for part in each] if isinstance(each, list) else [_change(each)]
    return sorted(found)


def _change(change: Any) -> str:
    """What would have to be done, told as what is not as it should be."""
    verb, *words = change
    state = "is missing" if verb.startswith("add_") else "is not declared"
    if verb in ("add_table", "remove_table"):
        return f"table {words[0].name}: {state}"
    if verb in ("add_column", "remove_column"):
        return f"table {words[1]}: column {words[2].name} {state}{_harm(verb, words[2])}"
    if verb.startswith("modify_"):
        what = verb.removeprefix("modify_").replace("_", " ")
        return f"table {words[1]}: column {words[2]} has another {what}: {words[-2]!s} instead of {words[-1]!s}"
    kind = verb.partition("_")[2].replace("_", " ")
    table = getattr(words[0], "table", words[0]).name
    name = "" if table == words[0].name else f" {words[0].name}"
    return f"table {table}: {kind}{name} {state}{_harm(verb, words[0])}"


def _harm(verb: str, what: Any) -> str:
    """Why something that is only there is in the way of what the program writes, "" where it is not."""
    if verb == "remove_column" and not what.nullable and what.server_default is None and what.computed is None:
        return ", and wants a value"
    if (verb == "remove_index" and what.unique) or isinstance(what, sa.UniqueConstraint):
        return ", and forbids equal values" if verb.startswith("remove_") else ""
    return ""
