"""The sockets that the server's processes share."""

from __future__ import annotations

import os
import socket

import pytest

from heddle.api.listening import adopt, listen
from heddle.config import Settings, load
from heddle.errors import ConfigError


def settings(address: str, port: int) -> Settings:
    return load(overrides=[f"server.listen={address}", f"server.port={port}"], environ={})


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_it_listens_where_the_settings_say(address: str) -> None:
    (sock,) = listen(settings(address, 0))
    (adopted,) = adopt(str(os.dup(sock.fileno())))
    with sock, adopted, socket.create_connection((address, sock.getsockname()[1]), timeout=5):
        adopted.accept()[0].close()


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}.*in use.*server\.port"):
            listen(settings("127.0.0.1", port))


def test_an_address_that_is_not_this_hosts_is_named() -> None:
    with pytest.raises(ConfigError, match=r"192\.0\.2\.1:0: .*set server\.listen"):
        listen(settings("192.0.2.1", 0))
