"""The settings of metadata: what is wrong is said, and the secret is not."""

from __future__ import annotations

import pytest

from heddle import config
from heddle.errors import ConfigError

NOVA = ["metadata.nova_host=10.0.0.20", "metadata.shared_secret=hush-hush"]


def test_nova_with_a_secret() -> None:
    found = config.load(overrides=[*NOVA, "metadata.nova_protocol=https"], environ={})
    assert (found.metadata.nova_host, found.metadata.nova_port) == ("10.0.0.20", 8775)
    assert found.serves_metadata and not config.load(overrides=["agent.roles=switch,dhcp"], environ={}).serves_metadata


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (NOVA[:1], "metadata.shared_secret is not"),
        ([*NOVA, "metadata.nova_protocol=ftp"], "'ftp': write http or https"),
        ([*NOVA, "metadata.nova_port=0"], "a port, 1 to 65535"),
        ([*NOVA, "metadata.nova_port=many"], "metadata.nova_port"),
    ],
)
def test_what_is_wrong(overrides: list[str], said: str) -> None:
    with pytest.raises(ConfigError) as found:
        config.load(overrides=overrides, environ={})
    assert said in str(found.value) and "hush-hush" not in str(found.value)
