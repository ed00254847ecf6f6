"""Python runs this at its start when the folder is in PYTHONPATH: tests then draw the same names each time they run.

What is random starts anew with each test, from its name, and requests say in `X-Test` which test makes them.  So a run
of the suites makes the same requests as another, and the answers of one can be played to the other.
"""

import http.client
import random
import unittest
import uuid

_plain_set_up = unittest.TestSuite._handleClassSetUp
_plain_request = http.client.HTTPConnection.putrequest
_current = ""


def _set_up(suite, test, result):
    global _current
    _current = test.id()
    random.seed(_current)
    _plain_set_up(suite, test, result)


def _put_request(connection, *args, **options):
    _plain_request(connection, *args, **options)
    connection.putheader("X-Test", _current)


def _uuid4():
    return uuid.UUID(int=random.getrandbits(128), version=4)


unittest.TestSuite._handleClassSetUp = _set_up
http.client.HTTPConnection.putrequest = _put_request
uuid.uuid4 = _uuid4
