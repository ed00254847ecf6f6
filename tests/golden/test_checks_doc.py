"""The list of checks in the documentation is that of the program."""

from __future__ import annotations

from tests.golden.helper import check_golden

from heddle.checks.describe import page
from heddle.checks.matrix import table
from heddle.checks.registry import registry

HEAD = """\
# The upgrade check, and the doctor

`heddle upgrade check` looks for what is in the way of an upgrade; `heddle doctor` asks whether the running cloud is
well, with the same checks but those of versions, of the target and the dry run. Both run on a server, as root or as
the server's user, change nothing (`database-dry-run` works on a copy that it removes), and never take longer than
fifteen seconds: all checks run beside each other, each with a deadline.

    heddle upgrade check [--format table|json|junit] [--only ID]… [--skip ID]… [--warnings-ok]
                         [--target TARGET]
    heddle upgrade check --neutron-conf FILE… --nova-conf FILE… [--format …] [--only ID]… [--skip ID]…
    heddle upgrade list
    heddle upgrade explain ID
    heddle doctor [--format …] [--only ID]… [--skip ID]… [--warnings-ok]

| result | what it says | exit code |
|---|---|---|
| Success | it was seen, and it is well | 0 |
| Warning | it may stay so for now | 1 (0 with `--warnings-ok`) |
| Failure | mend it before the upgrade | 2 |
| Unknown | it could not be seen, and why: it raised, was too slow, or lacks a right | 255 (2 beside a failure) |
| Not applicable | this cloud has no such thing | 0 |

A wrong command line, also an `--only` or `--skip` that names no check, is exit code 64, and no check runs. What cannot
be reached is a failure of one check, and makes those that need it unknown; all others stand. JSON has the keys of
oslo.upgradecheck and more, as [checks.schema.json](checks.schema.json) says. While checks run a line tells on a
terminal which are open. `explain` wraps its lines to a terminal's width, and not where a program reads them. A program
that cannot begin at all ends with one line and 255; told to end (SIGTERM, SIGHUP), it removes the copy first, and its
code is 128 and the signal's number.

On PostgreSQL and MariaDB two checks need rights of the user of `database.url` that a server does not:
`database-transactions` to see other users' (`pg_read_all_stats`; `PROCESS`), `database-dry-run` to make a database
(`CREATEDB`; all rights on `heddle_dry_run_%`). Without them the two are unknown, and say so; the statements are in
[deploy](deploy.md#control-the-database). Where the server's disk is not seen from here, no more than
256 MiB are copied.

On these two the copy has the rows of tables up to 4 MiB, with their indexes and long values, and a second one also
those of the large tables that the migrations name, if there is time: that tells how long the migrations take. Without
those rows what is taken away is told all the same; where nothing is, the check is unknown and names the tables.

A connection that leads to another database than was asked for, as some poolers make it, is noticed before anything is
tried, and the check is unknown. Who kills the check (SIGKILL) has it leave what it made: databases `heddle_dry_run_…`
on the server, folders `heddle_dry_run_…` and `heddle_target_…` below TMPDIR. The next check names them
(`database-copies`) with what removes them; a copy that another check works on it leaves out.

`--target` names what the upgrade leads to, and without it nothing is asked about what comes:

- the path of an environment of Python that has the target, as `/opt/heddle-next/.venv`, or of its `bin/python`: its own
  Python and libraries run it. It has eight seconds more, before the checks begin, to tell which these are;
- the path of a wheel, as `dist/heddle-0.2.0-py3-none-any.whl`: it is unpacked into a folder below TMPDIR that is
  removed again, and run by the Python and libraries of this program;
- a release, as `0.2.0`: only its number is known. `versions-agents` asks about it, and what needs the target itself is
  unknown. A file whose name looks like a release is written `./0.2.0`.

The target speaks for itself: its own program is started as the user who runs the check, told the settings of the
check, and asked what it is (`heddle upgrade describe` prints the same) and to run its migrations on the copy (`heddle
upgrade rehearse`). Nothing of it is loaded into the program that checks. One that does not run here, or does not answer
within 12 s, leaves the checks that need it unknown, with the reason. What is no target is exit code 64 and one line
that says why: no such file, a wheel of something else or one whose content is not what its RECORD says, an environment
without Heddle. So is one that everybody may write to, or whose folder, unless only owners remove there what is theirs
(the sticky bit): who may change it would run as the user who checks. Groups and access lists are not looked at.

Checks of hosts ask the agents, all at once: over the broker, with questions and answers that bear the seal of each
host's key, or over the server's socket. An agent answers beside its work, and nothing is changed by it. What one that
does not answer could have said is unknown, never well; `queue-agents` tells of each that reports and does not answer.

A check of another package is found by the entry point `heddle.checks`: a `Check` (`checks/base.py`) with its `kind`.

## A running OpenStack

    heddle upgrade check --neutron-conf /etc/neutron/neutron.conf --nova-conf /etc/nova/nova.conf

looks at a running OpenStack, with the checks that its databases, its message queue and its files allow: what each
reads there stands with it below. Those with no such line are not applicable, and say why. One service alone will do;
an option that is repeated is several files of that service, of which the last has its way, as with `--config-file`.
No program of OpenStack's is needed here, and Heddle's own settings are not read. Table, JSON, JUnit and exit codes
are the same. `--target` is about Heddle, and exit code 64 beside these options.

- **Nothing is written.** Sessions of databases are read-only by their server's word; an account that may only
  `SELECT` suffices, and for `database-transactions` to see whose they are (`pg_read_all_stats`; `PROCESS`). The
  message that goes through RabbitMQ has a queue of its own, which goes with its connection. Passwords are not
  printed, in errors neither.
- **Read are** `[database] connection` (`mysql+pymysql`, `postgresql` and their kin), of Nova `[api_database]
  connection` too, `[DEFAULT] transport_url` with all its hosts and `ssl…` of `[oslo_messaging_rabbit]`, the seconds
  after which one counts as silent (`agent_down_time`, `service_down_time`), and of `[keystone_authtoken]` whether it
  can work at all. `$name` is filled in from the files. Not read are `--config-dir`, the environment (`OS_…`) and what
  options are by default in other programs: name every file. TLS with the broker is as the services have it: checked
  against `ssl_ca_file`, without that not at all, which is a warning.
- **Each database by itself**: Neutron's, Nova's and that of Nova's API are asked beside each other. One that is away
  is a failure of `database-reachable` within nine seconds, its other results are unknown, and those of the others
  stand.
- **The schema.** Which revision a release ends with, only its own program knows: `neutron-db-manage`, `nova-manage`.
  What can be seen is whether the note fits the tables: two heads for Neutron, one for each of Nova's, and no table or
  column that came with a later release than is noted, and none missing that came before. This program knows the
  migrations of Neutron from Liberty to 2026.2 and of Nova from Wallaby on; a revision that is none of them is
  unknown.
- **Agents and services** by the database's clock. Who was put out of service (`admin_state_up`, `disabled`,
  `forced_down`) may be silent: a warning. Agents of OVN are in its southbound database, not in Neutron's: their ports
  are not compared, which is said. Computes of a cell in another database than `[database] connection` were not looked
  at: unknown, until the command is run with that cell's file.

A file that is not there, or is none, is a failure of `configuration-settings`; the other service is looked at all the
same.
"""

VERSIONS = """\
## Hosts, and versions

Checks of hosts ask their agents over the bus, all at once, and an agent looks at its host in less than a second: the
versions of what it uses, disks, certificates, the clock, whether a reboot is waited for, settings that must go together
with those of others. Nothing is changed there. A host that does not answer within 4 s is unknown to each of them, and
so is what an agent of an older release does not tell. Secrets do not travel: an agent tells a fingerprint, by scrypt
with the nonce of the question as salt, so that fingerprints of two days cannot be compared, and a guess at the secret
costs some 50 ms.

Below the first column of versions a check fails, below the second it warns; distributions mend faults without another
version, of which nothing is said here.
"""


def test_the_list_of_checks() -> None:
    check_golden("../../docs/checks.md", f"{HEAD}\n{VERSIONS}\n{table()}\n\n{page(registry().values())}")
