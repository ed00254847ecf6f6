"""The table of the matrix says what the tests' report says."""

from __future__ import annotations

from pathlib import Path

from tests.real.matrix_table import FAMILIES, PLANES, results, table

CASE = '<testcase name="{test}[{plane}-{kind}-{family}]">{inside}</testcase>'


def report(folder: Path, **inside: str) -> Path:
    """All cells that there can be, but VLAN on Linux bridge; `inside`: what is in those of a type."""
    cases = [
        CASE.format(test=test, plane=plane, kind=kind, family=family, inside=inside.get(kind, ""))
        for plane, (_, kinds) in PLANES.items()
        for kind in kinds
        for family in FAMILIES
        for test in ("test_carries", "test_fits")
        if kind != "vlan" or plane == "openvswitch"
    ]
    file = folder / "report.xml"
    file.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return file


def test_all_is_well(tmp_path: Path) -> None:
    lines, well = table(results(report(tmp_path)))
    assert well and lines[2].split().count("yes") == 12 and "kernel: this one has no VLAN" in lines[-1]


def test_one_failure_makes_a_cell_no(tmp_path: Path) -> None:
    lines, well = table(results(report(tmp_path, gre="<failure/>")))
    assert not well and lines[2].split().count("NO") == 2 and lines[4].split().count("NO") == 0


def test_a_cell_without_a_test_is_not_explained(tmp_path: Path) -> None:
    found = results(report(tmp_path))
    del found["openvswitch", "flat", "ipv6"]
    lines, well = table(found)
    assert not well and "?" in lines[2]


def test_without_tests_nothing_is_well() -> None:
    assert not table({})[1]
