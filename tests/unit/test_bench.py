"""The bench's arithmetic, parsers and table; nothing here is timed."""

from __future__ import annotations

import json
import struct
import time
from pathlib import Path

import pytest
from bench import conversion, floating, pings, restart, routers, rows, run, scaling, throughput
from bench.api_bench import Options
from bench.measure import percentile, summarize
from bench.rows import BY_NAME, Measured
from tests.engines.servers import new_database


def test_percentiles_are_of_the_nearest_rank() -> None:
    ordered = [float(number) for number in range(1, 101)]
    assert (percentile(ordered, 0.5), percentile(ordered, 0.99), percentile([7.0], 0.99)) == (50, 99, 7)
    assert summarize([]) == {}
    assert summarize([0.001, 0.003])["p50_ms"] == 1


@pytest.mark.parametrize(("value", "text"), [
    (0, "0"), (0.0512, "0.0512"), (3.004, "3"), (17.6, "17.6"), (239.4, "239"), (2686.4, "2,686"), (3400, "3,400"),
])  # fmt: skip
def test_numbers_have_three_figures_and_no_exponent(value: float, text: str) -> None:
    assert rows.number(value) == text


def test_ratios_say_how_many_times_better() -> None:
    assert rows.ratio(BY_NAME["post-port"], 4) == 27.5
    assert rows.ratio(BY_NAME["bulk"], 2000) == 100
    assert rows.ratio(BY_NAME["restart-pings"], 0) is None
    assert rows.reached(BY_NAME["bulk"], 1500) and not rows.reached(BY_NAME["bulk"], 1499)
    assert rows.reached(BY_NAME["list"], 0.4) and not rows.reached(BY_NAME["list"], 0.41)


def test_the_table_has_every_row_and_tells_what_was_not_measured() -> None:
    found = {"list": Measured(0.31, "10.0 MB"), "bulk": Measured(1200), "ping": Measured(None, "needs a host")}
    text = rows.table(found, "bench/run.py --url x")
    lines = text.splitlines()
    assert all(any(line.startswith(row.title) for line in lines) for row in rows.ROWS)
    by_title = {row.name: next(line for line in lines if line.startswith(row.title)) for row in rows.ROWS}
    assert by_title["list"].split()[-4:] == ["s", "18.1", "x", "ok"]
    assert by_title["bulk"].endswith("MISSED")
    assert "not measured" in by_title["ping"]
    assert "  GET 10,000 ports: 10.0 MB" in lines and "taken by: bench/run.py --url x" in lines


def test_a_server_has_figures_of_its_own_and_no_figure_is_no_verdict() -> None:
    assert (rows.wanted(BY_NAME["post-port"], "sqlite"), rows.wanted(BY_NAME["post-port"], "mariadb")) == (4, 6)
    assert rows.reached(BY_NAME["post-port"], 5, "postgresql") and not rows.reached(BY_NAME["post-port"], 5, "sqlite")
    assert rows.wanted(BY_NAME["restart-pings"], "mariadb") == 0 and rows.wanted(BY_NAME["put-port"], "sqlite") is None
    text = rows.table({"put-port": Measured(7.1), "router": Measured(9)}, "x", "postgresql")
    lines = {name: next(line for line in text.splitlines() if line.startswith(BY_NAME[name].title)) for name in BY_NAME}
    assert lines["put-port"].split()[-6:] == ["ms", "-", "7.1", "ms", "10", "x"]
    assert lines["router"].split()[-5:] == ["ms", "9", "ms", "-", "MISSED"]


def test_places_of_the_scaling_are_filled_timed_and_counted(tmp_path: Path) -> None:
    counted = []
    for size in (30, 300):
        with scaling.place(tmp_path / str(size), str(size), new_database()) as made:
            made.fill(size)
            made.make_member()
            made.make_network("10.65.0.0/16")
            scaling.time_once(made)
            counted.append(scaling.costs(made))
            assert set(counted[-1]["median_ms"]) == {"post", *scaling.READS}
    few, many = counted
    assert few["post"]["statements"] == many["post"]["statements"] > 5 and few["post"]["written"] > 0
    for name in scaling.READS:
        assert many["reads"][name]["statements"] == few["reads"][name]["statements"] > 0, name


def _result(op: str, clients: int, **more: object) -> dict[str, object]:
    times = {"p50_ms": 2.0, "p99_ms": 5.0, "req_per_s": 300.0, "bytes_per_answer": 10_000_000}
    return {"op": op, "concurrency": clients, "ok": 9, "errors": {}, **times, **more}


def test_rows_are_read_from_the_results_of_the_api_bench() -> None:
    results = [
        _result("port_create", 1), _result("port_create", 8), _result("port_get", 1, p50_ms=1.0),
        _result("port_bulk_create_to_10000", 2, units_per_s=2500.0), _result("port_list_10000", 1, p50_ms=310.0),
        _result("port_create_at_10000", 1, p50_ms=3.0), _result("port_get_at_10000", 1, p50_ms=0.8),
    ]  # fmt: skip
    found = rows.api_rows(results)
    values = {name: each.value for name, each in found.items()}
    assert values == {"post-port": 2, "post-port-8": 300, "bulk": 2500, "list": 0.31, "get-port": 0.8}
    assert "at 10000 ports: p50 3.00" in found["post-port"].detail
    failed = rows.api_rows([*results, _result("port_delete", 1, errors={"500": 2})])
    assert all("2 REQUESTS FAILED" in each.detail for each in failed.values())


def test_an_echo_request_has_a_right_checksum_and_a_reply_is_read() -> None:
    request = pings.echo_request(0xBEEF, 7)
    total = sum(struct.unpack("!4H", request))
    assert (total & 0xFFFF) + (total >> 16) == 0xFFFF
    head = bytes([0x45, *([0] * 11), 10, 0, 0, 9, 10, 0, 0, 1])
    assert pings.echo_reply(head + b"\0" + request[1:]) == ("10.0.0.9", 0xBEEF, 7)
    assert pings.echo_reply(head + request) is None


def test_the_match_of_a_dumped_flow_is_taken_back_by_its_name() -> None:
    line = "br-int cookie=0x1f, table=60, priority=100,ip,in_port=3,dl_src=fa:16:3e:00:00:01 actions=resubmit(,71)"
    assert restart.match_of(line) == "table=60,priority=100,ip,in_port=3,dl_src=fa:16:3e:00:00:01"


def test_in_sync_is_the_first_dump_from_which_all_are_the_same() -> None:
    assert restart.in_sync_at([(1.0, ["a"]), (2.0, ["b"]), (3.0, ["a"]), (4.0, ["a"])]) == 3.0
    assert restart.in_sync_at([(1.0, ["a"]), (2.0, ["b"])]) == 2.0


def test_a_router_is_configured_when_addresses_route_and_rule_are_there() -> None:
    wanted = routers.Wanted("r", frozenset({"10.0.0.1/24", "203.0.0.9/16"}), "203.0.0.9")
    links = [{"addr_info": [{"local": "10.0.0.1", "prefixlen": 24}]},
             {"addr_info": [{"local": "203.0.0.9", "prefixlen": 16}]}]  # fmt: skip
    addresses, routes = json.dumps(links), json.dumps([{"dst": "default", "gateway": "203.0.0.1"}])
    rules = "  oifname qg snat to 203.0.0.9"
    assert routers.configured(addresses, routes, rules, wanted)
    assert not routers.configured(json.dumps(links[:1]), routes, rules, wanted)
    assert not routers.configured(addresses, "[]", rules, wanted)
    assert not routers.configured(addresses, routes, "", wanted)
    assert not routers.configured("", "", "", wanted)


def test_groups_of_rows_are_named_and_unknown_ones_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.parse(["--only", "api"]).only == set(rows.API_ROWS)
    assert run.parse(["--only", "restart,list"]).only == {"restart", "restart-pings", "list"}
    assert {*BY_NAME, "scaling"} == run.parse([]).only
    assert "lab-routers" in run.parse(["--only", "lab"]).only and "post-port" not in run.parse(["--only", "lab"]).only
    with pytest.raises(SystemExit):
        run.parse(["--only", "nothing"])
    assert "no row nothing" in capsys.readouterr().err


def test_of_several_turns_the_best_counts_and_of_losses_the_worst() -> None:
    turns = [(Measured(2.5, "a"), Measured(0.0, "none")), (Measured(1.5, "b"), Measured(0.2, "some"))]
    found = rows.best_of(("lab-restart", "lab-restart-pings"), turns)
    assert found["lab-restart"] == Measured(1.5, "best of 2.5, 1.5; b")
    assert found["lab-restart-pings"] == Measured(0.2, "worst of 0, 0.2; some")
    assert rows.best_of(("lab-idle",), [(Measured(0.6, "x"),)]) == {"lab-idle": Measured(0.6, "x")}


def test_a_road_is_compared_round_by_round_and_what_iperf3_refuses_is_told() -> None:
    mine, theirs = throughput.Found([0.9, 1.9, 0.5], [30.0, 20.0, 40.0]), throughput.Found([1.0, 2.0, 1.0], [0.0] * 3)
    found = throughput.compared({"filtered": mine, "hand": theirs}, "filtered", "hand")
    assert found.value == pytest.approx(90) and "from 50 to 95 %" in found.detail and "hand 1.00" in found.detail
    assert "the best thirds: filtered 1.90, hand 2.00" in found.detail
    assert found.detail.endswith("ms per Gbit: filtered 30, hand 0")
    report = {"end": {"sum_received": {"bits_per_second": 2.5e9}, "sum_sent": {"bytes": 1e9}}}
    assert throughput.received(json.dumps(report)) == (2.5, 8.0)
    for said in ('{"error": "unable to connect", "end": {}}', "iperf3: unable to connect"):
        with pytest.raises(RuntimeError, match="unable to connect"):
            throughput.received(said)


def test_the_options_ask_for_a_full_run() -> None:
    options = Options("http://x")
    assert options.sizes == (1000, 10000) and options.concurrency == (1, 8) and options.bulk_size == 100


class _Asker:
    """Answers while `answering` says so, at once."""

    def __init__(self) -> None:
        self.answering = False
        self.asked: list[float] = []
        self.came: list[float] = []

    def ask(self) -> None:
        if self.answering:
            self.asked.append(time.monotonic())
            self.came.append(time.monotonic())

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def close(self) -> None:
        pass

    def turn(self, value: bool, after: float) -> floating.Request:
        def send() -> str:
            time.sleep(after)
            self.answering = value
            return "done"

        return floating.Request(send)


def test_a_change_is_timed_from_its_request_to_the_first_answer_and_to_the_first_silence() -> None:
    asker = _Asker()
    request = asker.turn(True, 0.05)
    assert floating.until_answered(asker, request) >= 0.05 and request.result == "done" and request.took >= 0.05
    asker = _Asker()
    asker.answering = True
    found = floating.until_silent(asker, asker.turn(False, 0.05))
    assert 0.04 <= found < floating.QUIET
    told = floating.told([0.01, 0.03, 0.02], [0.004], "PUT")
    assert told.value == 0.02 and "p99 30 ms of 3 rounds; the PUT was answered after 4 ms" in told.detail


def test_what_was_answered_before_or_never_was_is_no_figure() -> None:
    asker = _Asker()
    with pytest.raises(RuntimeError, match="not answered before"):
        floating.until_silent(asker, asker.turn(False, 0))
    asker.answering = True
    with pytest.raises(RuntimeError, match="answered before"):
        floating.until_answered(asker, asker.turn(True, 0))

    def refused() -> None:
        raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        floating.until_silent(_answering(), floating.Request(refused))


def _answering() -> _Asker:
    made = _Asker()
    made.answering = True
    return made


def test_the_loss_of_a_conversion_is_what_the_gap_has_beyond_the_time_it_was_down() -> None:
    found = conversion.losses({"to HA": [(1.5, 1.0), (0.4, 0.9)], "to distributed": [(0.75, 0.5)]})
    assert found.value == 0.5
    assert found.detail == ("to HA: p50 0.00, worst 0.50 s of 2 (longest gap 1.50 s); "
                            "to distributed: p50 0.25, worst 0.25 s of 1 (longest gap 0.75 s)")  # fmt: skip
