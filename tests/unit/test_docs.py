"""The files that the documents name are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMED = re.compile(r"`((?:src/heddle/|tests/|bench/|scripts/|docs/)?(?:[a-z_]+/)+[a-z0-9_]+\.(?:py|sh|md|txt))`")
LINKED = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_named_is_there(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    missing = [link for link in LINKED.findall(text) if not (document.parent / link).exists()]
    for name in NAMED.findall(text):
        if "widget" not in name and not any((base / name).exists() for base in (ROOT, ROOT / "src/heddle")):
            missing.append(name)
    assert not missing
