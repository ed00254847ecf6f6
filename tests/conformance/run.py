"""`python -m tests.conformance.run`: tempest's suites of the Networking API, against a Heddle of their own.

Starts Heddle (server and agent) in scratch namespaces, lets tempest make its projects and users through the Identity
API, runs `tempest.api.network` and `neutron_tempest_plugin.api` with all extensions enabled, and compares each test
with what the reference does with it.  Several runs at a time do not disturb each other.

    --regex REGEX       only tests whose names match
    --workers N         processes that run tests at once (default 3)
    --details           failures with tracebacks and the requests that were made
    --listed            enable only the extensions that the server lists; without it, all that the reference has
    --output FOLDER     keep results, tempest's log and Heddle's logs there

Exit status 0 when nothing failed and every test that the reference passes, and that was chosen, passes.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import yaml
from bench.cloud import URL, Cloud, running
from tests.conformance import report, settings, suite

# The extensions of the reference's agent-based back end: with all of them enabled no test skips itself.
EVERY = tuple(Path(__file__).with_name("extensions.txt").read_text(encoding="utf-8").split())
# Quotas and the range of VXLAN are those that the plugin's own jobs set: a class makes more routers than a project may
# have by default, and a test wants its networks' IDs below 2,000.
SETTINGS = (
    "network.vxlan_ranges=1:2000",
    "network.vlan_ranges=public,physnet1,foo:1:4094",
    "quota.router=100",
    "quota.floatingip=500",
    "quota.security_group=150",
    "quota.security_group_rule=1000",
)


def external_network(cloud: Cloud) -> str:
    """The external network that the tests take floating IPs from."""
    body = {"name": "public", "router:external": True, "provider:network_type": "flat",
            "provider:physical_network": "public"}  # fmt: skip
    network: str = cloud.api.call("POST", "/v2.0/networks", {"network": body})["network"]["id"]
    for version, cidr in ((4, "172.24.4.0/24"), (6, "2001:db8::/64")):
        subnet = {"network_id": network, "ip_version": version, "cidr": cidr, "enable_dhcp": False}
        cloud.api.call("POST", "/v2.0/subnets", {"subnet": subnet})
    return network


def default_pools(cloud: Cloud) -> None:
    """The pools that automatically made topologies take their subnets from."""
    for cidr, length in (("10.200.0.0/16", 26), ("2001:db8:8000::/48", 64)):
        pool = {"name": "default", "prefixes": [cidr], "default_prefixlen": length, "shared": True, "is_default": True}
        cloud.api.call("POST", "/v2.0/subnetpools", {"subnetpool": pool})


def describe(cloud: Cloud, listed: bool, url: str = URL) -> settings.Site:
    """What tempest must know; `url` is where it is to find the cloud."""
    default_pools(cloud)
    tree = yaml.safe_load((cloud.folder / "state" / "clouds.yaml").read_text(encoding="utf-8"))
    password: str = next(iter(tree["clouds"].values()))["auth"]["password"]
    shown = [extension["alias"] for extension in cloud.api.call("GET", "/v2.0/extensions")["extensions"]]
    if absent := sorted(set(EVERY) - set(shown)):
        print(f"{len(absent)} extensions are not listed by the server: {' '.join(absent)}", flush=True)
    return settings.Site(url, password, external_network(cloud), tuple(shown) if listed else EVERY)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regex", default="", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=3, help=argparse.SUPPRESS)
    parser.add_argument("--details", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--listed", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--output", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="heddle-conformance-", dir="/var/tmp"))
    folder.chmod(0o755)
    try:
        return conform(args, folder)
    finally:
        if args.output:
            shutil.copytree(folder, args.output, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".stestr", "locks"))
        shutil.rmtree(folder, ignore_errors=True)


def conform(args: argparse.Namespace, folder: Path) -> int:
    suite.workspace(folder)
    with running(Path("/var/tmp"), SETTINGS, logs=folder / "heddle") as cloud:
        settings.write(folder / "tempest.conf", describe(cloud, args.listed), folder)
        names = suite.chosen(folder, args.regex)
        began = time.monotonic()
        results = suite.run_tests(cloud.host, folder, names, args.workers)
        seconds = time.monotonic() - began
    plain = {name.partition("[")[0] for name in names}
    wanted = {id for id in report.reference_passes() if id in plain or not args.regex}
    lines = report.summary(results, wanted, seconds, args.details)
    print("\n".join(lines))
    without_reason = [] if args.listed else report.unexplained(results, report.EXPLAINED.read_text(encoding="utf-8"))
    for name in without_reason:
        print(f"SKIPPED, and docs/{report.EXPLAINED.name} does not say why: {name}")
    failed = bool(without_reason) or any(result.status not in ("success", "skip") for result in results)
    return 1 if failed or not results or report.missing(results, wanted) else 0


if __name__ == "__main__":
    sys.exit(main())
