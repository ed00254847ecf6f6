#!/bin/sh
# Keep the release before this one for the tests of upgrades: release-before.sh COMMIT, when a release was made.
#
# Its program is tests/upgrade/before.tar.xz, and its messages tests/golden/protocol/before.json.  They are in the
# repository because a shallow clone or an exported tree has no history to take them from.  What fails changes nothing.
set -eu
[ $# -eq 1 ] || { echo "usage: scripts/release-before.sh COMMIT" >&2; exit 64; }
cd "$(dirname "$0")/.."
commit=$(git rev-parse --verify --end-of-options "$1^{commit}")
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
git archive "$commit" src/heddle >"$new/before.tar"
xz -9e "$new/before.tar"
echo "$commit" >"$new/before.txt"
.venv/bin/python -m tests.upgrade.before "$new/before.tar.xz" >"$new/before.json"
cp "$new/before.tar.xz" "$new/before.txt" tests/upgrade/
cp "$new/before.json" tests/golden/protocol/
echo "kept: $(git log -1 --format='%h, %ad' --date=short "$commit"); RELEASED in tests/unit/test_expand.py is to be its schema"
