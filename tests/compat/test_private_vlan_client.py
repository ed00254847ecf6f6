"""Private VLANs, and subnets apart, with the real `openstack` command."""

from __future__ import annotations

from tests.compat.conftest import JSON, Cloud


def test_the_command_on_private_vlans(cloud: Cloud) -> None:
    run = cloud.member("private", "pam")
    assert run("network", "create", "--pvlan", "shut", *JSON)["pvlan"] is True
    assert run("port", "create", "--network", "shut", "any", *JSON)["pvlan_type"] == "promiscuous"
    alone = run("port", "create", "--network", "shut", "--pvlan-type", "isolated", "alone", *JSON)
    assert (alone["pvlan_type"], alone["pvlan_community"]) == ("isolated", None)
    run("port", "set", "--pvlan-type", "community", "--pvlan-community", "web", "alone")
    shown = run("port", "show", "alone", *JSON)
    assert (shown["pvlan_type"], shown["pvlan_community"]) == ("community", "web")
    run("port", "set", "--pvlan-type", "isolated", "alone")
    assert run("port", "show", "alone", *JSON)["pvlan_community"] is None
    cloud.refuses("PVLAN", "network", "set", "--disable-port-security", "shut", cloud="private")
    run("network", "set", "--no-pvlan", "shut")
    assert run("port", "show", "alone", *JSON)["pvlan_type"] is None
    run("network", "set", "--extra-property", "type=bool,name=heddle:subnet_isolation,value=true", "shut")
    found = cloud.sdk("private").network.get("/networks?name=shut").json()["networks"]
    assert [each["heddle:subnet_isolation"] for each in found] == [True]
