"""Prints which network types each data plane carries, from tests that have sent packets: matrix_table.py

It runs the tests of the matrix and reads a cell's result from their ids, `<data plane>-<type>-<family>`.  A cell is
"yes" when all tests of it passed, "NO" when one failed, and else says why there is none.  Exit status 1 when a cell is
"NO" or without an explanation.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

HERE = Path(__file__).parent
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


def results(report: Path) -> dict[tuple[str, str, str], bool]:
    """Whether all tests of each cell passed."""
    found: dict[tuple[str, str, str], bool] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        match = CELL.search(case.get("name", ""))
        if match:
            cell = (match[1], match[2], match[3])
            well = all(case.find(kind) is None for kind in ("failure", "error", "skipped"))
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


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", *(str(HERE / name) for name in TESTS)]
        code = subprocess.run(command, cwd=HERE.parent.parent).returncode
        if not report.exists():
            print("matrix: the tests did not run", file=sys.stderr)
            return code or 1
        lines, well = table(results(report))
    print("\n".join(lines))
    return code if code or well else 1


if __name__ == "__main__":
    sys.exit(main())
