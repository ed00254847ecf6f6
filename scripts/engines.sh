#!/bin/sh
# Runs the tests of the API and of the schema on real servers of each database engine. The servers are the tests' own:
# folders in /dev/shm or /tmp, Unix sockets only. Installs the programs where they are missing; no service of the system is started.
#   scripts/engines.sh [postgresql] [mariadb] [-- words for pytest]        default: both; tests/api, migrations, server processes
set -eu
cd "$(dirname "$0")/.."
engines=
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        postgresql | mariadb) engines="$engines $1" ;;
        *) echo "engines: '$1' is not one of: postgresql mariadb" >&2; exit 64 ;;
    esac
    shift
done
[ $# -gt 0 ] && shift
engines=${engines:-postgresql mariadb}
[ $# -gt 0 ] || set -- tests/api tests/unit/test_migrations.py tests/real/test_workers.py

missing=
for engine in $engines; do
    case $engine in
        postgresql) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql" ;;
        mariadb)
            command -v mariadbd >/dev/null || missing="$missing mariadb-server-core"
            command -v my_print_defaults >/dev/null || missing="$missing mariadb-client-core" ;;
    esac
done
if [ -n "$missing" ]; then
    [ "$(id -u)" = 0 ] || { echo "engines: these packages are missing:$missing" >&2; exit 1; }
    echo "to install:$missing"
    # Without this the package makes a database cluster of its own and starts it.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    fi
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        echo "engines: the packages could not be installed (last lines above)." >&2
        exit 1
    }
    rm -f "$log"
fi

# The engines run at the same time: each line says of which it is.  Who ends this script ends the tests, and with them
# their servers.
results=$(mktemp -d)
end() {
    trap - EXIT
    for file in "$results"/*.pid; do
        [ ! -e "$file" ] || kill "$(cat "$file")" 2>/dev/null || true
    done
    wait
    rm -rf "$results"
    exit "$1"
}
trap 'end 130' INT TERM HUP
trap 'end $?' EXIT
for engine in $engines; do
    {
        HEDDLE_TEST_ENGINE=$engine .venv/bin/pytest -q "$@" 2>&1 &
        echo $! >"$results/$engine.pid"
        code=0
        wait $! || code=$?
        rm "$results/$engine.pid"
        echo "$code" >"$results/$engine"
    } | sed -u "s/^/$engine: /" &
done
wait
failed=
for engine in $engines; do
    [ "$(cat "$results/$engine" 2>/dev/null)" = 0 ] || failed="$failed $engine"
done
[ -z "$failed" ] || { echo "failed on:$failed" >&2; exit 1; }
