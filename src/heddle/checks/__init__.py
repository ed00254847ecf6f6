"""What is looked at before an upgrade, and now and then: `heddle upgrade check` and `heddle doctor`.

A check is one file in the folder of its kind (`configuration/`, `environment/`, `database/`, `queue/`, `network/`,
`versions/`): an id, a title, what it reads, the worst that it may say, what to do then, and a function that looks.
The registry finds the files by themselves.  The engine runs all of them beside each other, each with a deadline of its
own, so that one which raises or never ends takes nothing from the others.

    Success         it was seen, and it is well
    Warning         it may stay so for now
    Failure         mend it before the upgrade
    Unknown         it could not be seen, and why; never a success
    Not applicable  this cloud has no such thing

A check looks and changes nothing.  SQL is in `store/examine/`; here it is judged what was found.
"""
