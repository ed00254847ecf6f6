#!/bin/sh
# Makes .oracle: a Python environment with neutron-lib, whose API definitions the tests compare ours with.
# Nothing of Heddle imports it.
set -eu
cd "$(dirname "$0")/.."
wanted=$(sha256sum requirements/oracle.txt scripts/oracle.sh | sha256sum | cut -d' ' -f1)
[ "$(cat .oracle/.made 2>/dev/null)" = "$wanted" ] && exit 0
index=$(.tools/bin/pip config get global.index-url 2>/dev/null || true)
[ -z "${PIP_INDEX_URL:-$index}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}"
export UV_SYSTEM_CERTS=true UV_LINK_MODE=copy
[ -x .oracle/bin/python ] || .tools/bin/uv --quiet venv --python "$(command -v python3)" .oracle
.tools/bin/uv --quiet pip sync --python .oracle/bin/python --require-hashes requirements/oracle.txt || {
    echo "oracle: the Python packages could not be installed (message above)." >&2
    echo "        -> Check the network and run this again." >&2
    exit 1
}
echo "$wanted" >.oracle/.made
