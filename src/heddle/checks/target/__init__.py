"""The release that an upgrade leads to, as checks see it.

Nobody knows a release better than its own program, so it is the target that speaks of itself: started as a process of
its own, from a wheel that was unpacked to be looked at or from another environment of this machine, it says which
settings, policy rules, migrations and protocol it has (`heddle upgrade describe`), and runs its migrations on a copy of
the database (`heddle upgrade rehearse`).  Nothing of it is loaded into the process that checks.  What it answers is
data (`description.py`), which the checks compare with what is here.

    coming.py       what a target can be asked, and who stands in for it where none is named
    description.py  what it says of itself
    itself.py       this program's answer to the same question
    needs.py        whether a machine has what it needs: read from its metadata, and so also where it cannot run

Processes are started by the command line (`cli/target/`).
"""
