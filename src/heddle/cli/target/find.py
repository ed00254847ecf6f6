"""What `--target` names: a release, a wheel, or an environment that has Heddle."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from heddle.checks.base import NoQuestion
from heddle.checks.releases import parse
from heddle.checks.target.coming import PREFIX, Coming, Named
from heddle.cli.target import environment, wheel
from heddle.cli.target.trust import expect_own


class WrongTarget(NoQuestion):
    """There is no such target."""


@contextmanager
def opened(named: str, words: Sequence[str]) -> Iterator[Coming]:
    """`words`: what tells the target's program the settings, as ["--config", "FILE"].

    Its processes and what was unpacked are gone afterwards.  Raises `WrongTarget`.
    """
    if parse(named):
        yield Named(named)
        return
    path = Path(named)
    with ExitStack() as later:
        try:
            if not path.exists():
                raise ValueError("there is no such file or directory, and it is no release as 0.2.0")
            expect_own(path)
            if path.is_dir() or path.name.startswith("python"):
                program = environment.program(path, words)
            else:
                folder = later.enter_context(tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True))
                program = wheel.program(path, Path(folder), words)
        except (ValueError, OSError) as error:
            raise WrongTarget(f"--target {named}: {error}") from error
        later.callback(program.close)
        yield program
