"""The harness of the conformance suites: what a run says, and answers recorded and played again."""

from __future__ import annotations

import http.client
import http.server
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.conformance import exchange, report

EXCHANGE = exchange.__file__


def result(id: str, status: str, text: str = "") -> report.Result:
    return report.Result(id, status, 0.1, {"traceback": text, "reason": text})


def test_what_the_reference_passes_and_we_skip_is_told() -> None:
    trace = "Traceback (most recent call last):\n  File x\nAssertionError: 1 != 2"
    results = [
        result("a.ok", "success"),
        result("a.skipped", "skip", "no such extension"),
        result("a.wrong", "fail", trace),
    ]
    lines = report.summary(results, {"a.ok", "a.skipped", "a.wrong", "a.absent"}, 12.0)
    assert lines == [
        "FAILED a.wrong",
        "       AssertionError: 1 != 2",
        "NOT PASSED, the reference passes it: a.absent (not run)",
        "NOT PASSED, the reference passes it: a.skipped (no such extension)",
        "1 passed, 1 failed, 1 skipped in 12.0 s",
        "of the 4 chosen tests that the reference passes, 1 pass",
    ]


def test_what_skips_itself_has_a_reason_in_the_docs() -> None:
    names = ("setUpClass (a.Absent)", "a.Known.test_x", "setUpClass (a.Known)", "a.Other.test_y", "a.Other.test_z")
    results = [*(result(name, "skip") for name in names), result("a.Passed.test_x", "success")]
    text = "| `a.Known` | why | `a.Other.test_y` | why |"
    assert report.unexplained(results, text) == ["a.Absent", "a.Other.test_z"]
    assert report.unexplained(results, report.EXPLAINED.read_text(encoding="utf-8")) != []


def test_the_reference_passes_961() -> None:
    assert len(report.reference_passes()) == 961


class Counter(http.server.BaseHTTPRequestHandler):
    """Answers with a number that grows, and where it is."""

    count = 0

    def do_POST(self) -> None:
        Counter.count += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        body = f"{Counter.count} at {self.headers['Host']} of 127.0.0.1:{self.server.server_address[1]}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def begin(*arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, EXCHANGE, *arguments], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline().strip() == str(process.pid)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def ask(port: int, body: str, test: str = "t") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/x", body, {"X-Test": test, "Connection": "close"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_what_was_recorded_is_played_in_its_order(tmp_path: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    path, port = str(tmp_path / "answers"), free_port()
    Counter.count = 0
    target = http.server.HTTPServer(("127.0.0.1", 0), Counter)
    threading.Thread(target=target.serve_forever, daemon=True).start()
    recorder = start("record", path, str(port), str(target.server_port))
    recorded = [ask(port, "a"), ask(port, "b"), ask(port, "a"), ask(port, "a", "other")]
    recorder.terminate()
    recorder.wait(10)
    target.shutdown()
    target.server_close()
    assert recorded[0] == (200, f"1 at 127.0.0.1:{port} of 127.0.0.1:{port}")

    player = start("play", path, str(port))
    assert [ask(port, "a", "other"), ask(port, "a"), ask(port, "a"), ask(port, "a"), ask(port, "b")] == [
        recorded[3], recorded[0], recorded[2], recorded[2], recorded[1],
    ]  # fmt: skip
    assert ask(port, "c")[0] == 404
    player.terminate()
    assert player.communicate(timeout=10)[0] == "6 requests, 1 of them never recorded\n"
