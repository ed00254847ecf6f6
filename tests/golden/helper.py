"""Golden files: what is generated as text is compared with a file beside the tests.

`HEDDLE_GOLDEN=update pytest tests/golden` writes the files anew; look at the difference before it is committed.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def check_golden(name: str, text: str) -> None:
    """`name` as "nft/router.nft"."""
    path = FOLDER / name
    if os.environ.get("HEDDLE_GOLDEN") == "update":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"no golden file {path}; HEDDLE_GOLDEN=update writes it"
    assert text == path.read_text(encoding="utf-8"), f"not as in {path}; HEDDLE_GOLDEN=update writes it anew"
