"""A running OpenStack, looked at with the same checks: what its files, databases and message queue allow.

`Options` reads files as oslo.config does, `Service` knows what one service's files say, `OpenStack` is the context that
checks are given in place of Heddle's own.  A check says by its `openstack` how it looks there, or why it does not
apply.  Nothing is written: sessions of databases are read-only by their server's word, and the one message that is sent
goes through a queue of its own.  What is known of OpenStack's tables and revisions are facts of its public
documentation and migrations; no program of OpenStack's is needed.
"""
