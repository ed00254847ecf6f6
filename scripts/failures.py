#!/usr/bin/env python3
"""What failed in a run of several steps, said short enough to stand at the end of its log.

    failures.py FOLDER STEP...      FOLDER holds the output of each step, in a file of the step's name

First the end of the first failure of each step, then the failed tests of all: what is nearest to the log's end is the
surest to be kept.  A step without a failed test (it did not get that far, or is no test) shows its last lines instead.

Read are the reports of pytest, also of several runs side by side whose lines begin with the name of an engine, and the
list of the conformance suites, where the reason is the line below the name.  pytest cuts the reasons in its summary to
80 columns; they are taken from the failures themselves, which are in the same order.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

TESTS, LINES, WIDTH = 20, 60, 200
_STREAM = re.compile(r"^(postgresql|mariadb|rabbitmq): ?")
_FAILED = re.compile(r"^(?:FAILED|ERROR) \S|^(?:NOT PASSED|SKIPPED), ")
_SECTION = re.compile(r"^=+ (ERRORS|FAILURES|PASSES|warnings summary|short test summary info|slowest .*) =+$")
_TITLE = re.compile(r"^_+ (?:ERROR (?:at \w+ of|collecting) )?([^_\s].*?|_\w.*?) _+$")
_ERROR = re.compile(r"^E {3,}(\S.*)")


@dataclass
class Block:
    """One failure as pytest tells it, from its title on."""

    test: str
    lines: list[str]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.lines if _ERROR.match(line)]

    @property
    def reason(self) -> str:
        return self.errors[0][1:].strip() if self.errors else ""

    def end(self) -> list[str]:
        """Its last lines; what is wrong stands before them where they do not have it (long logs follow it)."""
        if len(self.lines) <= LINES:
            return self.lines
        kept = self.lines[-LINES:]
        if set(self.errors) & set(kept):
            return kept
        said = [self.lines[0], *self.errors[:8], "[...]"]
        return said + kept[len(said) :]


@dataclass
class Run:
    """The report of one run: `failed` are the lines of its list of failures, `blocks` tells them whole."""

    name: str
    lines: list[str] = field(default_factory=list)

    def blocks(self) -> list[Block]:
        found: list[Block] = []
        inside = False
        for line in self.lines:
            if section := _SECTION.match(line):
                inside = section[1] in ("ERRORS", "FAILURES")
            elif inside and (title := _TITLE.match(line)):
                found.append(Block(title[1], [line]))
            elif inside and found:
                found[-1].lines.append(line)
        return found

    def failed(self) -> list[str]:
        """The names of what failed, each with its reason."""
        reasons = defaultdict(list)
        for block in self.blocks():
            reasons[block.test].append(block.reason)
        lines = self._list()
        pairs = zip(lines, [*lines[1:], ""], strict=False)
        return [_told(line, below, reasons) for line, below in pairs if _FAILED.match(line)]

    def _list(self) -> list[str]:
        """The lines where the list of failures can be: pytest's begins with a title, what is before it are logs."""
        titles = [number for number, line in enumerate(self.lines) if "short test summary info ==" in line]
        return self.lines[titles[-1] + 1 :] if titles else self.lines


def _told(line: str, below: str, reasons: dict[str, list[str]]) -> str:
    """A line of the list with its reason, which stands in the line, in the failure or below."""
    name = line.split(" - ")[0]
    place, _, test = name.partition("::")
    test, bracket, values = test.partition("[")
    title = test.replace("::", ".") + bracket + values or place.partition(" ")[2]
    if known := reasons.get(title):
        reason = known.pop(0)
        return f"{name} - {reason}" if reason else line
    return f"{line} - {below.strip()}" if below.startswith("  ") else line


def runs(text: str) -> list[Run]:
    """The runs in the output of a step, the first being that of lines without a name."""
    found = {"": Run("")}
    for line in text.splitlines():
        stream = _STREAM.match(line)
        name = stream[1] if stream else ""
        found.setdefault(name, Run(name)).lines.append(line[stream.end() :] if stream else line)
    return list(found.values())


def first_failure(step: str, text: str) -> Iterator[str]:
    for run in runs(text):
        if blocks := run.blocks():
            yield f"--- {step}: the end of its first failure{f' ({run.name})' if run.name else ''}"
            yield from blocks[0].end()
            return
    yield f"--- {step}: the end of its output"
    yield from text.splitlines()[-LINES:]


def names(step: str, text: str) -> Iterator[str]:
    found = [f"{run.name}: {line}" if run.name else line for run in runs(text) for line in run.failed()]
    yield from (f"{step}: {line}" for line in found[:TESTS])
    if len(found) > TESTS:
        yield f"{step}: and {len(found) - TESTS} more"
    if not found:
        yield f"{step}: failed, and names no test"


def main(folder: Path, *steps: str) -> None:
    texts = {step: (folder / step).read_text(encoding="utf-8", errors="replace") for step in steps}
    for tell in (first_failure, names):
        for step, text in texts.items():
            for line in tell(step, text):
                print(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}...")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
