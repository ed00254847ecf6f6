"""Many hosts without hosts: what the control plane costs where there are a thousand of them (`heddle simulate`).

Real: PostgreSQL, RabbitMQ, `heddle server`, and of each agent its connection to the broker, its loop, its copy of the
view, its reports, and the planning of flows and routers.  Not there: Open vSwitch and namespaces.  Every port that is
bound to a host counts as plugged, and a plan as applied as soon as it is worked out (`roles.py`).  So the times are
those of the way to the hosts and back, and what a host itself takes to apply flows comes on top.

    postgres.py rabbitmq.py   servers of one's own, which end with the command
    processes.py              the processes of servers and of hosts, and how they are asked
    hosts.py                  a process with many hosts
    cloud.py                  all of it together, started and ended
    tenants.py                what tenants have in it
    run.py report.py          what is measured, and how it is printed
"""
