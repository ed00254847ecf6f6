#!/bin/sh
# Keep the release before this one for the tests of upgrades: release-before.sh COMMIT, when a release was made.
#
# Its program is tests/upgrade/before.tar.xz, and its messages tests/golden/protocol/before.json.  They are in the
# repository because a shallow clone or an exported tree has no history to take them from.
set -eu
[ $# -eq 1 ] || { echo "usage: scripts/release-before.sh COMMIT" >&2; exit 64; }
cd "$(dirname "$0")/.."
commit=$(git rev-parse --verify "$1^{commit}")
git archive "$commit" src/heddle | xz -9e >tests/upgrade/before.tar.xz.new
mv tests/upgrade/before.tar.xz.new tests/upgrade/before.tar.xz
echo "$commit" >tests/upgrade/before.txt
.venv/bin/python -m tests.upgrade.before messages >tests/golden/protocol/before.json.new
mv tests/golden/protocol/before.json.new tests/golden/protocol/before.json
echo "kept: $(git log -1 --format='%h, %ad' --date=short "$commit"); RELEASED in tests/unit/test_expand.py is to be its schema"
