"""Whether a target is its owner's alone: it runs with the rights of whoever checks, so who may change it has them too.

Looked at are the target, what leads to it, and of an environment the folders that its Python loads from.  A folder that
leads to it may be everybody's where only the owner removes what is in it (the sticky bit, as of /tmp); one that is
loaded from may not, for there a new file is enough.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

_LOADED = "bin", "lib", "lib/python*", "lib/python*/site-packages", "lib/python*/site-packages/heddle"


def expect_own(path: Path) -> None:
    """Raises `ValueError` where everybody may write to it, `OSError` where that is not seen."""
    inside = list(_inside(path))
    for each in [*inside, *(above for mine in inside for above in _above(mine))]:
        mode = each.stat().st_mode
        kept = each not in inside and mode & stat.S_ISVTX
        if mode & stat.S_IWOTH and not kept:
            raise ValueError(f"everybody may write to {each} (mode {stat.S_IMODE(mode):04o}), and what it is then "
                             f"would run as this user: `chmod o-w {each}`, if that is still well")  # fmt: skip


def _inside(path: Path) -> Iterator[Path]:
    """What is run: a wheel, or an environment by its folder or its Python."""
    yield path.absolute()
    if path.is_dir() or path.name.startswith("python"):
        root = path.absolute() if path.is_dir() else path.absolute().parent.parent
        for pattern in (*_LOADED, "bin/python"):
            yield from root.glob(pattern)


def _above(path: Path) -> Iterator[Path]:
    """What leads there, as it is named and as links have it."""
    yield from path.parents
    yield from path.resolve().parents
