"""Marks: which objects' names a DNS server may have to be told of, written with the change itself."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import sqlalchemy as sa

from heddle.store import tables as t
from heddle.store.dialect import upsert


def write_marks(conn: sa.Connection, kinds: Mapping[str, str]) -> None:
    """Mark objects, by id with their kind; one that is marked already gets another mark."""
    mark = str(uuid.uuid4())
    rows = [{"object_id": id, "kind": kind, "mark": mark} for id, kind in sorted(kinds.items())]
    upsert(conn, t.dns_marks, rows, ("object_id",))
