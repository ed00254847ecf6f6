#!/bin/sh
# Runs the tests of the API and of the schema on real servers of each database engine, and those of the bus on RabbitMQ.
# The servers are the tests' own: folders in /dev/shm or /tmp, Unix sockets and the loopback only.
# Installs the programs where they are missing; no service of the system is started.
#   scripts/engines.sh [--install] [postgresql] [mariadb] [rabbitmq] [-- words for pytest]
#                    default: all; tests/api, migrations, server processes on the databases; the bus and whole clouds on RabbitMQ
#                    --install: only install what is missing
set -eu
cd "$(dirname "$0")/.."
engines=
only_install=
[ "${1:-}" != --install ] || { only_install=1; shift; }
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    case $1 in
        postgresql | mariadb | rabbitmq) engines="$engines $1" ;;
        *) echo "engines: '$1' is not one of: postgresql mariadb rabbitmq" >&2; exit 64 ;;
    esac
    shift
done
[ $# -gt 0 ] && shift
engines=${engines:-postgresql mariadb rabbitmq}
named=$#
tests_of() {
    case $1 in
        rabbitmq) echo tests/contract/test_bus.py tests/contract/amqp_broker.py tests/checks/broker_checks.py tests/checks/openstack_broker_checks.py tests/cluster ;;
        *) echo tests/api tests/real/test_workers.py
            for name in agents_asked database dry_run network openstack tables target versions; do
                echo "tests/checks/test_$name.py"
            done
            for name in migrations expand contract; do
                echo "tests/unit/test_$name.py"
            done ;;
    esac
}

missing=
packages=$engines
case $engines in *rabbitmq*) packages="$engines postgresql" ;; esac
for engine in $packages; do
    case $engine in
        postgresql) ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing="$missing postgresql" ;;
        mariadb)
            command -v mariadbd >/dev/null || missing="$missing mariadb-server-core"
            command -v my_print_defaults >/dev/null || missing="$missing mariadb-client-core" ;;
        rabbitmq) [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || missing="$missing rabbitmq-server" ;;
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
    # This package starts its service when it is installed, and with the next boot: not here.
    masked=
    case $missing in
        *rabbitmq-server*) [ ! -d /run/systemd/system ] || { systemctl -q mask rabbitmq-server; masked=1; } ;;
    esac
    log=$(mktemp)
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -q update && apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 || {
        tail -n 15 "$log" >&2
        echo "engines: the packages could not be installed (last lines above)." >&2
        exit 1
    }
    rm -f "$log"
    [ -z "$masked" ] || { systemctl -q unmask rabbitmq-server; systemctl -q disable rabbitmq-server; }
fi
[ -z "$only_install" ] || exit 0

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
        if [ "$engine" = rabbitmq ]; then export HEDDLE_TEST_BROKER=rabbitmq; else export HEDDLE_TEST_ENGINE=$engine; fi
        # shellcheck disable=SC2046
        [ "$named" -gt 0 ] || set -- $(tests_of "$engine")
        .venv/bin/pytest -q "$@" 2>&1 &
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
