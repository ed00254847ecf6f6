"""What a run of the suites says: counts, failures with their reason, and what the reference passes and we do not."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

EXPLAINED = Path(__file__).parents[2] / "docs" / "conformance.md"
REFERENCE = Path(__file__).with_name("reference.txt")
_REASON = re.compile(r"^(?:[\w.]*(?:Error|Exception|Mismatch\w*|[A-Z]\w+)(?::.*)?|Details: .*)$")


@dataclass(frozen=True)
class Result:
    """One test (or the set-up of a class, as `setUpClass (...)`); `status` is success, fail or skip."""

    id: str
    status: str
    seconds: float
    details: dict[str, str]

    @property
    def reason(self) -> str:
        if self.status == "skip":
            return self.details.get("reason", "").strip()
        text = "\n".join(text for name, text in self.details.items() if "traceback" in name)
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        found = [line for line in lines if _REASON.match(line) and not line.startswith("File ")]
        return " | ".join(found[-2:])[:400] or (lines[-1] if lines else "no traceback")


def read(path: Path) -> list[Result]:
    with path.open(encoding="utf-8") as file:
        return [Result(**json.loads(line)) for line in file]


def reference_passes() -> set[str]:
    """The tests that the reference passes."""
    lines = REFERENCE.read_text(encoding="utf-8").splitlines()
    return {line for line in lines if line and line[0] not in "#-"}


def missing(results: Sequence[Result], wanted: set[str]) -> list[str]:
    """Those of the wanted tests that did not pass."""
    return sorted(wanted - {result.id for result in results if result.status == "success"})


def unexplained(results: Sequence[Result], text: str) -> list[str]:
    """The tests and classes that skipped themselves and that a text does not name."""
    skipped = [result.id for result in results if result.status == "skip"]
    names = [id.removeprefix("setUpClass (").removesuffix(")") for id in skipped]
    known = set(re.findall(r"`([\w.]+)`", text))
    return sorted(name for name in names if not {name, name.rpartition(".")[0]} & known)


def summary(results: Sequence[Result], wanted: set[str], seconds: float, details: bool = False) -> list[str]:
    """The lines to print; `details`: failures with all that the tests recorded."""
    failed = [result for result in results if result.status not in ("success", "skip")]
    skipped = [result for result in results if result.status == "skip"]
    passed = len(results) - len(failed) - len(skipped)
    lines: list[str] = []
    for result in sorted(failed, key=lambda result: result.id):
        lines += [f"FAILED {result.id}", f"       {result.reason}"]
        if details:
            lines += [f"    {name}:\n{text}" for name, text in result.details.items()]
    behind = set(missing(results, wanted)) - {result.id for result in failed}
    reasons = {result.id: result.reason for result in skipped}
    lines += [f"NOT PASSED, the reference passes it: {id} ({reasons.get(id, 'not run')})" for id in sorted(behind)]
    held = len(wanted) - len(missing(results, wanted))
    lines.append(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped in {seconds:.1f} s")
    lines.append(f"of the {len(wanted)} chosen tests that the reference passes, {held} pass")
    return lines
