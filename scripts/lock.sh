#!/bin/sh
# Writes requirements/*.txt: exact versions with hashes, for every Python from 3.11 on.
set -eu
cd "$(dirname "$0")/.."
compile() {
    .tools/bin/uv --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
        --no-emit-find-links --no-annotate "$@" >/dev/null
}
export UV_SYSTEM_CERTS=true
compile pyproject.toml --extra demo --group build --output-file requirements/run.txt
compile pyproject.toml --extra demo --group dev --group build --constraint requirements/run.txt --output-file requirements/dev.txt
echo "neutron-lib>=3.20" | compile - --output-file requirements/oracle.txt
printf 'tempest\nneutron-tempest-plugin\nstestr\n' | compile - --output-file requirements/tempest.txt
