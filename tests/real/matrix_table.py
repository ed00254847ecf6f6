"""Prints what packets have shown: which network types each data plane carries, and each extension of the API.

It runs the tests of the matrix and reads a cell's result from their ids, `<data plane>-<type>-<family>`.  A cell is
"yes" when all tests of it passed, "NO" when one failed, and else says why there is none.  Then it runs the tests of
`features.py`, and prints for each extension with a packet side whether they passed, by which, and which have none yet.
Those of scenarios run with all of their file, for they tell a story of one cloud; others in the order of their file.
Those of clouds of several hosts need a broker (HEDDLE_TEST_BROKER=rabbitmq, as `make matrix` has it); without it
their rows say "not run".  Exit status 1 when a row or cell is "NO" or without an explanation.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path

from tests.real.features import API_ONLY, MISSING, SENT

HERE = Path(__file__).parent
BROKER = "HEDDLE_TEST_BROKER"
TESTS = ("test_matrix.py", "test_bridge_matrix.py")
TYPES = ("local", "flat", "vlan", "vxlan", "gre", "geneve")
FAMILIES = ("ipv4", "ipv6")
CELL = re.compile(rf"\[([a-z0-9_+]+)-({'|'.join(TYPES)})-({'|'.join(FAMILIES)})\]$")
# Data planes by their ids, as the table names them, with the types that the data plane has.
PLANES = {
    "openvswitch": ("Open vSwitch", TYPES),
    "openvswitch_over_ipv6": ("  tunnels over IPv6", ("vxlan", "gre", "geneve")),
    "linuxbridge": ("Linux bridge", ("local", "flat", "vlan", "vxlan")),
    "linuxbridge+openvswitch": ("a host of each", ("flat", "vlan", "vxlan")),
    "linuxbridge+openvswitch_over_ipv6": ("  tunnels over IPv6", ("vxlan",)),
}
NO_VLANS = "kernel"
FAILED = ("failure", "error", "skipped")


def results(report: Path) -> dict[tuple[str, str, str], bool]:
    """Whether all tests of each cell passed."""
    found: dict[tuple[str, str, str], bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        match = CELL.search(case.get("name", ""))
        if match:
            cell = (match[1], match[2], match[3])
            well = all(case.find(kind) is None for kind in FAILED)
            found[cell] = found.get(cell, True) and well
    return found


def cell(found: dict[tuple[str, str, str], bool], plane: str, kind: str, family: str) -> str:
    """ "yes", "NO", "-" for what a data plane does not have, "kernel" for want of VLAN devices, or "?"."""
    if (plane, kind, family) in found:
        return "yes" if found[plane, kind, family] else "NO"
    if kind not in PLANES[plane][1]:
        return "-"
    return NO_VLANS if kind == "vlan" and plane.startswith("linuxbridge") else "?"


def table(found: dict[tuple[str, str, str], bool]) -> tuple[list[str], bool]:
    """The lines, and whether no cell is "NO" or "?"."""
    lines = ["data plane           " + "".join(f"{kind:^14}" for kind in TYPES)]
    lines.append(" " * 21 + "".join(f"{'IPv4':^7}{'IPv6':^7}" for _ in TYPES))
    well = bool(found)
    for plane, (title, _) in PLANES.items():
        texts = [cell(found, plane, kind, family) for kind in TYPES for family in FAMILIES]
        well = well and not {"NO", "?"} & set(texts)
        lines.append(f"{title:<21}" + "".join(f"{text:^7}" for text in texts))
    if any(NO_VLANS in line for line in lines):
        lines.append("kernel: this one has no VLAN devices (8021q); `scripts/test-kernel.sh real` has a full one")
    return lines, well


def passed(report: Path) -> dict[str, bool]:
    """Whether each test passed, with all its parameters, by its file and function as `features.py` writes them."""
    found: dict[str, bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        file = case.get("classname", "").removeprefix("tests.").replace(".", "/")
        name = f"{file}.py::{case.get('name', '').partition('[')[0]}"
        found[name] = found.get(name, True) and all(case.find(kind) is None for kind in FAILED)
    return found


def feature_table(found: Mapping[str, bool]) -> tuple[list[str], bool]:
    """A line for each extension with a packet side, and whether none is "NO"."""
    lines, well = [f"{'extension':<42}{'':^9}by"], True
    for alias in sorted({*SENT, *MISSING}):
        tests = SENT.get(alias, ())
        ran = [found[test] for test in tests if test in found]
        if not tests:
            lines.append(f"{alias:<42}{'MISSING':^9}{MISSING[alias]}")
            continue
        text = "NO" if not all(ran) else "yes" if ran else "not run"
        well = well and text != "NO"
        lines.append(f"{alias:<42}{text:^9}{tests[0]}")
        lines += [" " * 51 + test for test in tests[1:]]
    reasons = sorted(set(API_ONLY.values()))
    lines += ["", f"of the API alone: {len(API_ONLY)} extensions"]
    for reason in reasons:
        lines.append(f"- {reason}: " + ", ".join(sorted(alias for alias, why in API_ONLY.items() if why == reason)))
    return lines, well


def to_run(broker: bool) -> list[str]:
    """The tests of the extensions that can run here, but those of the matrix itself, which run anyway."""
    left_out = (*(f"real/{name}::" for name in TESTS), *(() if broker else ("cluster/",)))
    every = {test for tests in SENT.values() for test in tests if not test.startswith(left_out)}
    stories = {test.partition("::")[0] for test in every if test.startswith("scenarios/")}
    return [*sorted((test for test in every if not test.startswith("scenarios/")), key=_place), *sorted(stories)]


def _place(test: str) -> tuple[str, int]:
    """Its file, and where in it the test is."""
    file, _, name = test.partition("::")
    return file, (HERE.parent / file).read_text().index(f"def {name}(")


def main() -> int:
    broker = os.environ.pop(BROKER, "")
    wanted = [str(HERE / name) for name in TESTS]
    clouds: list[str] = []
    for test in to_run(bool(broker)):
        (clouds if test.startswith("cluster/") else wanted).append(str(HERE.parent / test))
    with tempfile.TemporaryDirectory() as folder:
        reports = [Path(folder) / "report.xml", Path(folder) / "clouds.xml"]
        code = _run(wanted, reports[0], {})
        code = (_run(clouds, reports[1], {BROKER: broker}) if clouds else 0) or code
        if missing := [report.stem for report in reports[: 1 + bool(clouds)] if not report.exists()]:
            print(f"matrix: the tests did not run ({', '.join(missing)})", file=sys.stderr)
            return code or 1
        lines, well = table(results(reports[0]))
        every = {test: ok for each in reports if each.exists() for test, ok in passed(each).items()}
        more, also_well = feature_table(every)
    print("\n".join([*lines, "", *more]))
    return code if code or (well and also_well) else 1


def _run(tests: list[str], report: Path, more: dict[str, str]) -> int:
    """The tests' own environment must not name a broker but where they want one: it is no setting that agents know."""
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *tests]
    return subprocess.run(command, cwd=HERE.parent.parent, env={**os.environ, **more}).returncode


if __name__ == "__main__":
    sys.exit(main())
