"""Established connections follow a highly available router from host to host.

    wire        what hosts say of connections: messages as bytes, read strictly
    outbox      what one other host has still to be told; bounded, and an old word gives way to a newer one
    source      an active router's namespace, read into the outboxes
    receiver    a standby's namespace, kept as it is told
    channel     bytes between two hosts, signed with the key of the cloud; knows of no socket
    links       the sockets under the channels
    carrier     all of these in one process, polled by one selector
"""
