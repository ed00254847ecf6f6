"""Results as the table that operators of OpenStack know, as JSON with its keys and more, and as JUnit's XML. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from xml.etree import ElementTree

from heddle.checks.base import Level, Result

WIDTH = 76
JUNIT = {"failures": Level.FAILURE, "errors": Level.UNKNOWN, "skipped": Level.NOT_APPLICABLE}
COLOURS = {Level.SUCCESS: 32, Level.WARNING: 33, Level.FAILURE: 31, Level.UNKNOWN: 35}


def table(title: str, results: Sequence[Result], *, coloured: bool = False) -> str:
    rule = f"+{'-' * (WIDTH + 2)}+"
    lines = [rule, f"| {title:<{WIDTH}} |", rule]
    for result in results:
        for line in _cell(result):
            text = f"{line:<{WIDTH}}"
            if coloured and line.startswith("Result: ") and result.level in COLOURS:
                text = text.replace(result.level.title, f"\033[{COLOURS[result.level]}m{result.level.title}\033[0m", 1)
            lines.append(f"| {text} |")
        lines.append(rule)
    return "\n".join([*lines, summary(results)])


def _cell(result: Result) -> list[str]:
    finding = result.finding
    node = f" on {finding.node}" if finding.node else ""
    lines = [f"Check: {result.check.title} ({result.check.id}){node}", f"Result: {result.level.title}"]
    lines += [f"Details: {finding.details}"]
    lines += [f"Remedy: {result.remedy}"] if result.remedy else []
    return [part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ")]


def summary(results: Sequence[Result]) -> str:
    """How many of each, the worst first."""
    counts = {level: sum(result.level == level for result in results) for level in sorted(Level, reverse=True)}
    slowest = max((result.seconds for result in results), default=0.0)
    return ", ".join(f"{count} {level.title}" for level, count in counts.items() if count) + f"; {slowest:.1f} s"


def as_json(name: str, results: Sequence[Result]) -> str:
    """`result` is the number of the level (`Level.code`)."""
    checks = [
        {
            "check": result.check.title, "result": result.level.code, "details": result.finding.details,
            "id": result.check.id, "kind": result.check.kind, "status": result.level.name.lower(),
            "severity": result.check.severity.name.lower(), "evidence": result.finding.evidence,
            "remedy": result.remedy, "seconds": round(result.seconds, 3), "node": result.finding.node,
        }
        for result in results
    ]  # fmt: skip
    return json.dumps({"name": name, "checks": checks}, indent=2)


def as_junit(name: str, results: Sequence[Result]) -> str:
    """A failure is JUnit's failure, what could not be seen its error, what is not applicable is skipped."""
    suite = ElementTree.Element("testsuite", name=name, tests=str(len(results)))
    for attribute, level in JUNIT.items():
        suite.set(attribute, str(sum(result.level == level for result in results)))
    for result in results:
        finding = result.finding
        label = f"{result.check.id}[{finding.node}]" if finding.node else result.check.id
        case = ElementTree.SubElement(suite, "testcase", classname=f"heddle.{result.check.kind}", name=label,
                                      time=f"{result.seconds:.3f}")  # fmt: skip
        kind = {Level.FAILURE: "failure", Level.UNKNOWN: "error", Level.NOT_APPLICABLE: "skipped"}.get(result.level)
        part = ElementTree.SubElement(case, kind or "system-out")
        if kind:
            part.set("message", _printable(finding.details))
        text = "\n".join(filter(None, (finding.details, finding.evidence, result.remedy)))
        part.text = _printable(f"{result.level.title}: {text}")
    return ElementTree.tostring(suite, encoding="unicode")


def _printable(text: str) -> str:
    return "".join(each for each in text if each in "\n\t" or ord(each) >= 32)
