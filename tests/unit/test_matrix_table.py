"""The tables of the matrix say what the tests' report says, and leave no extension of the API out."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from tests.real.features import API_ONLY, MISSING, SENT
from tests.real.matrix_table import FAMILIES, PLANES, feature_table, passed, results, table, to_run

from heddle.api.network.extensions import EXTENSIONS

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


def test_every_extension_is_in_one_list() -> None:
    listed = [*SENT, *MISSING, *API_ONLY]
    assert sorted(listed) == sorted(extension.alias for extension in EXTENSIONS)
    assert all(SENT.values()) and all(MISSING.values()) and all(API_ONLY.values())


def test_the_tests_of_the_extensions_are_there() -> None:
    tests = Path(__file__).parents[1]
    for test in {test for each in SENT.values() for test in each}:
        file, _, name = test.partition("::")
        tree = ast.parse((tests / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, test


def test_a_row_says_what_its_tests_did(tmp_path: Path) -> None:
    file = tmp_path / "report.xml"
    where = 'classname="tests.real.test_security" name="test_an_allowed_address_pair_may_be_used'
    for inside, text in (("", "yes"), ("<failure/>", "NO"), ("<skipped/>", "NO")):
        cases = f"<testcase {where}[a]\">{inside}</testcase><testcase {where}[b]\"></testcase>"
        file.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
        lines, well = feature_table(passed(file))
        (row,) = [line for line in lines if line.startswith("allowed-address-pairs ")]
        assert row.split()[1] == text and well == (text == "yes")
        assert any(line.startswith("trunk ") and "not run" in line for line in lines)


def test_a_row_without_a_test_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.real.matrix_table.MISSING", {"teleport": "not built"})
    lines, _ = feature_table({})
    assert [line.split(maxsplit=2) for line in lines if "MISSING" in line] == [["teleport", "MISSING", "not built"]]


def test_clouds_of_several_hosts_need_a_broker() -> None:
    assert not any("cluster/" in test for test in to_run(False))
    assert any("cluster/" in test for test in to_run(True))
