"""How the suite is dealt out to two processes (pytest-xdist): tests with hosts of their own wait for packets, and run
one after the other in one process; every other file goes whole to the process that is free."""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

OF_HOSTS = ("cluster", "contract", "kernel", "real")
SCENARIOS = ("test_demo_run.py", "test_trunks.py", "test_who_reaches_whom.py")


class HostsTogether(LoadScopeScheduling):
    def _split_scope(self, nodeid: str) -> str:
        """The group of a test: all of a group run in one process, in their order; the largest group begins."""
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    path = PurePosixPath(nodeid.partition("::")[0])
    hosts = path.parent.name in OF_HOSTS or (path.parent.name == "scenarios" and path.name in SCENARIOS)
    return "hosts" if hosts else str(path)
