# Starts Open vSwitch by the distribution's means when it does not run; read by setup.sh, which defines fail and say.
# Where that was us, a marker says so, with the files that were there before: heddle down ends only such a one.
if ! ovs-vsctl --timeout=5 show >/dev/null 2>&1; then
    if [ "$(cat /proc/1/comm)" = systemd ] && [ -d /run/systemd/system ]; then
        systemctl start openvswitch-switch || fail "systemctl start openvswitch-switch failed." "journalctl -u openvswitch-switch"
    else
        kept=$(ls -d /etc/openvswitch/conf.db /etc/openvswitch/system-id.conf /var/log/openvswitch /run/openvswitch \
            2>/dev/null || true)
        ctl=/usr/share/openvswitch/scripts/ovs-ctl
        modprobe openvswitch 2>/dev/null || true
        if [ -d /sys/module/openvswitch ]; then
            $ctl start --system-id=random >/dev/null 2>&1 || fail "Open vSwitch did not start." "See /var/log/openvswitch; try $ctl start --system-id=random"
        else
            # The kernel has no openvswitch module: the userspace datapath needs the daemons only.
            { $ctl --no-ovs-vswitchd start --system-id=random && ovs-vswitchd unix:/run/openvswitch/db.sock --no-chdir --pidfile --detach --monitor \
                --disable-system --log-file=/var/log/openvswitch/ovs-vswitchd.log; } >/dev/null 2>&1 ||
                fail "Open vSwitch did not start." "See /var/log/openvswitch"
        fi
        mkdir -p /run/openvswitch
        echo $kept >/run/openvswitch/started-by-heddle
    fi
    i=0
    until ovs-vsctl --timeout=2 show >/dev/null 2>&1; do
        i=$((i + 1))
        [ $i -lt 20 ] || fail "Open vSwitch was started but does not answer." "See /var/log/openvswitch"
        sleep 0.2
    done
fi
