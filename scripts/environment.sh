#!/bin/sh
# Makes an environment of packages that Heddle is compared with and does not import, from its lock file:
#   scripts/environment.sh oracle       .oracle: neutron-lib, whose API definitions the tests hold our attributes against
#   scripts/environment.sh tempest      .tempest: tempest and its Networking plugin, the tests that judge conformance
set -eu
cd "$(dirname "$0")/.."
name=$1
[ -f "requirements/$name.txt" ] || { echo "environment: there is no requirements/$name.txt" >&2; exit 64; }
wanted=$(sha256sum "requirements/$name.txt" scripts/environment.sh | sha256sum | cut -d' ' -f1)
[ "$(cat ".$name/.made" 2>/dev/null)" = "$wanted" ] && exit 0
index=$(.tools/bin/pip config get global.index-url 2>/dev/null || true)
[ -z "${PIP_INDEX_URL:-$index}" ] || export UV_DEFAULT_INDEX="${UV_DEFAULT_INDEX:-${PIP_INDEX_URL:-$index}}"
export UV_SYSTEM_CERTS=true UV_LINK_MODE=copy
[ -x ".$name/bin/python" ] || .tools/bin/uv --quiet venv --python "$(command -v python3)" ".$name"
.tools/bin/uv --quiet pip sync --python ".$name/bin/python" --require-hashes "requirements/$name.txt" || {
    echo "environment: the Python packages of $name could not be installed (message above)." >&2
    echo "             -> Check the network and run this again." >&2
    exit 1
}
echo "$wanted" >".$name/.made"
