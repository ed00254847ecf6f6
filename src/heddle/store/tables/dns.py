"""What a DNS server outside has been told, and what it has to be told."""

from __future__ import annotations

import sqlalchemy as sa

from heddle.store.tables.kit import METADATA, JsonText, id_column, number_column, text_column

# Objects whose names may have changed: `mark` is another each time, so that none is lost while one is looked at.
dns_marks = sa.Table(
    "dns_marks", METADATA, id_column("object_id", key=True), text_column("kind", 16), text_column("mark", 36)
)

# A record set of an object: the values that are wanted, and those that may be there of ours.  `due`: when the server
# is to be told, by the database's clock, 0 for not; after `attempts` that failed, the last for the reason `error`.
dns_records = sa.Table(
    "dns_records",
    METADATA,
    text_column("name", 255, key=True),
    text_column("type", 8, key=True),
    text_column("zone", 255, key=True),
    id_column("owner_id", key=True),
    text_column("project_id", 255),
    sa.Column("wanted", JsonText(list[str]), nullable=False),
    sa.Column("ours", JsonText(list[str]), nullable=False),
    number_column("due"),
    number_column("attempts"),
    sa.Column("error", sa.Text, nullable=False),
    text_column("since", 20),
    sa.Index("ix_dns_records_due", "due"),
    sa.Index("ix_dns_records_owner_id", "owner_id"),
)
