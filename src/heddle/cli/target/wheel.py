"""A wheel as a target: looked through, unpacked into a folder, and run from there by this Python and its libraries."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import platform
import sys
import zipfile
import zlib
from collections.abc import Sequence
from importlib.metadata import distributions
from pathlib import Path

from packaging.metadata import RawMetadata, parse_email
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from heddle.checks.target.coming import Facts
from heddle.cli.target.program import Program

LARGEST = 256 * 2**20  # bytes unpacked
BROKEN = zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, RuntimeError, csv.Error, TypeError


def program(path: Path, folder: Path, words: Sequence[str]) -> Program:
    """Unpacks it.  Raises `ValueError` or `OSError` for what is no whole wheel of Heddle."""
    try:
        name, version, _, tags = parse_wheel_filename(path.name)
    except InvalidWheelFilename as error:
        raise ValueError("it is no wheel: its name is none, as heddle-0.2.0-py3-none-any.whl") from error
    if name != "heddle":
        raise ValueError(f"it is a wheel of {name}, not of heddle")
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive)
            told = _metadata(archive)
            archive.extractall(folder)
    except BROKEN as error:
        raise ValueError(f"the wheel is corrupt: {error}") from error
    if (canonicalize_name(told.get("name", "")), told.get("version")) != (name, str(version)):
        raise ValueError(f"the wheel's content is {told.get('name')} {told.get('version')}, not what its name says")
    foreign = "" if tags & set(sys_tags()) else ", ".join(sorted(map(str, tags)))
    facts = facts_of(told, platform.python_version(), installed_here(), tags=foreign)
    return Program(f"the wheel {path}", [sys.executable, "-P", "-B"], facts, words, folder)


def facts_of(told: RawMetadata, python: str, libraries: dict[str, str], *, tags: str = "",
             installed: bool = False) -> Facts:  # fmt: skip
    """What the metadata say, beside what is there."""
    requires = tuple(told.get("requires_dist", ()))
    return Facts(told["version"], told.get("requires_python", ""), requires, python, libraries, tags, installed)


def installed_here() -> dict[str, str]:
    """The versions of this Python's libraries, those that it finds first."""
    found: dict[str, str] = {}
    for each in distributions():
        if each.metadata and "Name" in each.metadata:  # what a broken installation left has none
            found.setdefault(canonicalize_name(each.metadata["Name"]), each.version or "")
    return found


def _metadata(archive: zipfile.ZipFile) -> RawMetadata:
    name = next((each for each in archive.namelist() if _is_note(each, "METADATA")), "")
    if not name:
        raise ValueError("it is no wheel: it has no METADATA")
    return parse_email(archive.read(name))[0]


def _check(archive: zipfile.ZipFile) -> None:
    """Every file is there as the wheel's RECORD has it, and no other is."""
    if sum(each.file_size for each in archive.infolist()) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST // 2**20} MiB unpacked: no wheel of Heddle is")
    names = archive.namelist()
    record = next((name for name in names if _is_note(name, "RECORD")), "")
    if not record:
        raise ValueError("it is no wheel: it has no RECORD")
    listed = {row[0]: row[1] for row in csv.reader(io.StringIO(archive.read(record).decode())) if len(row) == 3}
    for name in names:
        if name.startswith("/") or ".." in Path(name).parts:
            raise ValueError(f"the wheel is corrupt: it has a file {name}")
        if not (listed.get(name) or name.endswith("/") or name.startswith(record)):
            raise ValueError(f"the wheel is corrupt: its RECORD does not say what {name} is")
    for name, digest in listed.items():
        kind, _, wanted = digest.partition("=")
        if kind and base64.urlsafe_b64encode(_digest(kind, archive.read(name))).rstrip(b"=").decode() != wanted:
            raise ValueError(f"the wheel is corrupt: {name} is not what its RECORD says")


def _digest(kind: str, content: bytes) -> bytes:
    try:
        return hashlib.new(kind, content).digest()
    except ValueError as error:
        raise ValueError(f"the wheel is corrupt: its RECORD names a digest {kind}") from error


def _is_note(name: str, what: str) -> bool:
    folder, _, file = name.partition("/")
    return folder.endswith(".dist-info") and file == what
