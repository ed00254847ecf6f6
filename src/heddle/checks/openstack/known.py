"""What is known of the revisions of OpenStack's schemas: in which order they came, and what came with them.

Facts of the public migrations of Neutron and Nova, as far as this program knows them; a revision that is not here is of
a release that came later.  A landmark is a table ("name") or a column ("name.column") that is there from a step on,
or ("-name.column") is not.
Neutron's steps are its releases, by the migrations that expand; those that contract ended with Newton.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """`name` is what the step is called; `revisions` belong to it, `landmark` came with it, "" where none is sure."""

    name: str
    revisions: frozenset[str]
    landmark: str = ""

    def done(self, things: frozenset[str]) -> bool | None:
        """Whether it shows in these tables and columns that the step was made; None where it shows in none."""
        if not self.landmark:
            return None
        gone = self.landmark.removeprefix("-")
        return gone in things if gone == self.landmark else gone.partition(".")[0] in things and gone not in things


def _step(name: str, revisions: str, landmark: str = "") -> Step:
    return Step(name, frozenset(revisions.split()), landmark)


CONTRACT_HEAD = "5c85685d616d"
CONTRACTS = _step(
    "contract",
    "30018084ec99 11926bcfe72d 2a16083502f3 2e5352a0ad4d 4af11ca47297 4ffceebfada 5498d17be016 1b294093239c"
    " 2b4c2465d44b 4ffceebfcdc 5ffceebfada 8a6d8bdae39 c6c112992c9 e3278ee65050 2e0d7a8a1586 3b935b28e7a0 4bcd4df1f426 "
    "7bbb25278f53 7d9d8eeec6ad 89ab9a816d70 8fd3918ef6f4 97c25b0d2353 a84ccf28f06a a8b517cff8ab b12a3ef66e62 "
    "b67e765a3524 c879c5e1ee90 5c85685d616d"
).revisions
NEUTRON = (
    _step("Kilo", "kilo"),
    _step("Liberty", "354db87e3225 599c6a226151 52c5312f6baf 45f955889773 8675309a5c4f 48153cb5f051 9859ac9c136 "
                     "31337ec0ffee 1b4c6e320f79 1c844d1677f7 26c371498592 34af2b5c5a59"),
    _step("Mitaka", "0e66c5227a8a 13cfb89f881a 15be73214821 15e43b934f81 19f26505c74f 1df244e556f5 2f9e956e7532 "
                    "31ed664953e6 32e5974ada25 3894bccad37f 59cb5b6cf4d 659bf3d90664 b4caf27aae4 c3a73f615e4 "
                    "dce3ec7a25c9 ec7fcfbf72ee", "standardattributes"),
    _step("Newton", "030a959ceafa 0e877ec3cba3 0f5bef0f87d4 30107ab6a3ee 3d0e74aa7d37 45f8dd33480b 5abc0278ca73 "
                    "5cd92597d11d 67daae611b6e 6b461a21bcfc a5648cfeeadf a963b38d82f4 c415aab1c048 d3435b514502",
          "trunks"),
    _step("Ocata", "929c968efe70 a9c43481023c", "ml2_port_bindings.status"),
    _step("Pike", "2b42d90729da 349b6fd605a6 62c781cb6192 7d32f979895f 804a3c76314c c8c222d42aa9",
          "portdataplanestatuses"),
    _step("Queens", "594422d373ee", "qos_fip_policy_bindings"),
    _step("Rocky", "61663558142c 867d39095bf4", "portforwardings"),
    _step("Stein", "0ff9e3881597 195176fb410d 9bfad3f1e780 cada2437bf41 d72db3e25539 fb0167bd9639",
          "network_segment_ranges"),
    _step("Train", "63fd95af7dcd c613d0b82681", "conntrack_helpers"),
    _step("Ussuri", "18a7e90ae768 2217c4222de6 263d454a9655 86274d77933e Ibac91d24da2 a010322604bc c3e9d13c4367 "
                    "d8bdf05313f4 e4e236b0e1ff e88badaa9591 f4b9654dd40c", "subnetpoolrbacs"),
    _step("Victoria", "1ea5dab0897a 49d8622c5221 I38991de2b4 dfe425060830 fd6107509ccd", "address_groups"),
    _step("Wallaby", "1e0744e4ffea 26d1e9f5c766 532aa95457e2 6135a7bd4425 a964d94b4677 f010820fc498",
          "portdeviceprofiles"),
    _step("Xena", "1bb3393de75d 8df53b0d2c0e", "qos_packet_rate_limit_rules"),
    _step("Yoga", "1ffef8d6f371 34cf8b009713 76df7844a8c6 8160f7a9cebb ba859d649675 c181bb1d89e4 cd9ef14ccf87 "
                  "e981acd076d3", "local_ips"),
    _step("Zed", "21ff98fabab1 4e6e655746f6 5881373af7f5 659cbedf30a1 I43e0b669096"),
    _step("2023.1", "fc153938cdc1"),
    _step("2023.2", "0aefee21cd87 682c319773d7 6f1145bff34c 89c58a70ceba 93f394357a27 b1199a3adbef c33da356b165",
          "porthints"),
    _step("2024.1", "054e34dbe6b4 0e6eff810791", "porthardwareoffloadtype"),
    _step("2024.2", "175fa80908e1 5bcb7b31ec7d", "porttrusted"),
    _step("2025.1", "ad80a9f07c5c", "networks.qinq"),
    _step("2025.2", "d553edeb540f"),
    _step("2026.1", "b1bca967e19d"),
    _step("2026.2", "a00aa97899c0 a1b2c3d4e5f6 bdae3a00c493 c7f8d9e0f1a2", "networkpvlan"),
)  # fmt: skip
NOVA = (
    _step("8f2f1571d55b", "8f2f1571d55b", "services"),
    _step("16f1fbcab42b", "16f1fbcab42b"),
    _step("ccb0fa1a2252", "ccb0fa1a2252", "block_device_mapping.encrypted"),
    _step("960aac0e09ea", "960aac0e09ea"),
    _step("1b91788ec3a6", "1b91788ec3a6"),
    _step("1acf2c98e646", "1acf2c98e646", "instances.compute_id"),
    _step("13863f4e1612", "13863f4e1612", "share_mapping"),
    _step("d60bddf7a903", "d60bddf7a903"),
    _step("2903cd72dc14", "2903cd72dc14", "console_auth_tokens.tls_port"),
    _step("ab450ba04102", "ab450ba04102"),
)
NOVA_API = (
    _step("d67eeaabee36", "d67eeaabee36", "cell_mappings"),
    _step("b30f573d3377", "b30f573d3377", "-build_requests.security_groups"),
    _step("cdeec0c85668", "cdeec0c85668"),
)
