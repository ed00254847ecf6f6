#!/bin/sh
# Looks, before anything is touched, at what would be in the way of Heddle on this machine.
# Each finding says what, where, and how to mend it; all are shown at once.  Ends with 1 if one of them stops the start.
#   scripts/look.sh [port]
port=${1:-9696}
stops=0

stop() { printf 'setup: %s\n       -> %s\n' "$1" "$2" >&2; stops=1; }
warn() { printf 'setup: %s\n       -> %s\n' "$1" "$2" >&2; }

free=$(df -Pm . | awk 'NR==2 {print $4}')
[ "${free:-0}" -ge 800 ] || stop "there are $free MB free below $(pwd)." "Make room: the packages and the Python environment need 800 MB."
root_free=$(df -Pm /var | awk 'NR==2 {print $4}')
[ "${root_free:-0}" -ge 300 ] || stop "there are $root_free MB free on /var." "Make room: 300 MB are needed for packages, the database and logs."

for file in /proc/self/ns/net /proc/self/ns/mnt /dev/net/tun; do
    [ -e "$file" ] || stop "the kernel shows no $file." \
        "Load it (modprobe tun), or use a kernel or container with network namespaces and TUN."
done

# A listener on the port, from the kernel's own table (state 0A), unless it is a Heddle that runs.
hex=$(printf '%04X' "$port")
if awk -v p=":$hex" '$4 == "0A" && substr($2, length($2) - 4) == p {found = 1} END {exit !found}' \
    /proc/net/tcp /proc/net/tcp6 2>/dev/null && ! [ -s /run/heddle/heddle.pid ]; then
    stop "something listens on port $port already." "End it, or choose another: HEDDLE_SERVER_PORT=9697 make demo"
fi

if command -v ovs-vsctl >/dev/null; then
    for bridge in br-int br-tun br-ex; do
        if ovs-vsctl --timeout=3 br-exists "$bridge" 2>/dev/null &&
            [ -z "$(ovs-vsctl --timeout=3 --if-exists get bridge "$bridge" external_ids:heddle 2>/dev/null)" ]; then
            stop "Open vSwitch has a bridge $bridge that is not Heddle's." \
                "If nothing needs it: ovs-vsctl del-br $bridge. Else use another machine: the name cannot be shared."
        fi
    done
fi
for bridge in br-int br-tun br-ex; do
    [ ! -d "/sys/class/net/$bridge/bridge" ] || stop "there is a Linux bridge $bridge." "If nothing needs it: ip link delete $bridge"
done

if command -v iptables >/dev/null && iptables -S FORWARD 2>/dev/null | grep -q '^-P FORWARD DROP'; then
    warn "the FORWARD policy of this host is DROP (Docker does that)." \
        "Heddle routes in namespaces of its own, which it does not reach; only what you forward through the host itself needs: iptables -P FORWARD ACCEPT"
fi
if command -v firewall-cmd >/dev/null && firewall-cmd --state >/dev/null 2>&1; then
    warn "firewalld runs." "It does not reach into Heddle's namespaces; only what enters through the host itself may need a zone for br-ex."
fi
exit $stops
