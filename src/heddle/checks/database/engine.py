"""Tables are of an engine with transactions, and text is kept in Unicode and compared as it is written."""

from __future__ import annotations

from heddle.checks.base import Check, Finding, Level, OnOpenStack, failure, warning, well
from heddle.checks.context import Context
from heddle.checks.openstack.context import OpenStack
from heddle.store.examine.storage import Storage, storage

SHOWN = 5
UNICODE = {"sqlite": ("UTF-8",), "postgresql": ("UTF8",), "mariadb": ("utf8mb4",)}


def check(context: Context) -> list[Finding]:
    with context.reading() as tx:
        found = storage(tx)
    return [*_engines(found), *_encodings(found)] or [_well(found)]


def openstack(cloud: OpenStack) -> list[Finding]:
    return cloud.each(lambda database, tx: _judged(storage(tx)))


def _judged(found: Storage) -> list[Finding]:
    """OpenStack compares text without regard to case; a foreign key wants one encoding on both sides."""
    if found.kind == "postgresql":
        return _encodings(found) or [_well(found)]
    other = {name: columns for name, columns in found.texts.items() if not name.startswith("utf8")}
    said = [failure(f"{', '.join(columns[:SHOWN])}: text of it is in {name}, which is not Unicode", "\n".join(columns))
            for name, columns in other.items()]  # fmt: skip
    kinds = {name.startswith("utf8mb4") for name in found.texts if name not in other}
    if len(kinds) > 1:
        said.append(warning("text is in utf8mb3 and in utf8mb4: a migration that joins the two by a foreign key fails"))
    return [*_engines(found), *said] or [_well(found)]


def _well(found: Storage) -> Finding:
    kinds = sorted({table.engine for table in found.tables if table.engine})
    what = "all tables, in one file," if found.kind == "sqlite" else f"{len(found.tables)} tables"
    return well(f"{what} in {found.encoding}", f"{', '.join(kinds) or found.kind}")


def _engines(found: Storage) -> list[Finding]:
    said = []
    for table in found.tables if found.kind == "mariadb" else ():
        mend = f"ALTER TABLE {table.name} ENGINE=InnoDB, while no server runs."
        if table.engine.lower() == "isam":
            said.append(failure(f"table {table.name} is of ISAM, which no server has any more", remedy=mend))
        elif table.engine != "InnoDB":
            text = f"table {table.name} is of {table.engine or 'no engine that this server has'}, without transactions"
            said.append((warning if table.engine else failure)(text, evidence=table.name, remedy=mend))
    return said


def _encodings(found: Storage) -> list[Finding]:
    wanted = UNICODE[found.kind]
    if found.encoding not in wanted:
        return [failure(f"the database's encoding is {found.encoding}, not {wanted[0]}", evidence=found.encoding)]
    return _collations(found)


def _collations(found: Storage) -> list[Finding]:
    """Others than *_bin take names for equal that differ in case or accents."""
    other = [table for table in found.tables if table.collation and not _exact(table.collation)]
    said = [warning(f"table {table.name} is in {table.collation}: new columns of it would be", table.name)
            for table in other]  # fmt: skip
    for collation, columns in found.texts.items():
        if not _exact(collation):
            more = f" and {len(columns) - SHOWN} more columns are" if len(columns) > SHOWN else ": text of it is"
            text = f"{', '.join(columns[:SHOWN])}{more} in {collation}, not compared as it is written"
            said.append(failure(text, "\n".join(columns)))
    return said


def _exact(collation: str) -> bool:
    return collation.startswith("utf8mb4") and collation.endswith("_bin")


CHECK = Check(
    id="database-engine",
    title="Tables have transactions and Unicode",
    reads="engine and collation of each table, collations of columns, the database's encoding",
    severity=Level.FAILURE,
    remedy="Convert while no server runs: ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin on "
    "MariaDB; on PostgreSQL `heddle db backup`, and restore it into a database made WITH ENCODING 'UTF8'.",
    check=check,
    openstack=OnOpenStack(
        openstack, "engine and collation of each table, collations of columns, the database's encoding",
        "Convert while no service runs: ALTER TABLE … CONVERT TO CHARACTER SET, all tables to the same; on PostgreSQL "
        "restore a dump into a database made WITH ENCODING 'UTF8'.",
    ),
)
