"""The agent's reports: what is told again when the server asks, and what the log says of a refusal."""

from __future__ import annotations

import logging

import pytest
from tests.fakes.cloud import FakeCloud

from heddle.agent.mirror import Mirror
from heddle.agent.reporter import Reporter
from heddle.bus.base import BusError
from heddle.config import Agent, Settings
from heddle.view.types import ReportReply, ReportRequest, Status

UP = Status(kind="port", id="p1", revision=1, state="up")


class Server(FakeCloud):
    """Answers with `reply`, or refuses with `refusal`."""

    reply = ReportReply()
    refusal = ""

    def report(self, request: ReportRequest) -> ReportReply:
        if self.refusal:
            raise BusError(self.refusal)
        self.reports.append(request)
        return self.reply


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def reporter(server: Server) -> Reporter:
    return Reporter(Settings(agent=Agent(host="host1")), server, "netdev")


def send(reporter: Reporter) -> None:
    reporter.due = 0.0
    reporter.send(0, [], Mirror(), 0)


def test_statuses_are_told_again_when_the_server_wants_them(server: Server, reporter: Reporter) -> None:
    reporter.note([UP])
    send(reporter)
    send(reporter)
    server.reply = ReportReply(repeat=True)
    send(reporter)
    server.reply = ReportReply()
    send(reporter)
    send(reporter)
    assert [list(each.statuses) for each in server.reports] == [[UP], [], [], [UP], []]


def test_a_refusal_is_logged_once_and_the_statuses_wait(
    server: Server, reporter: Reporter, caplog: pytest.LogCaptureFixture
) -> None:
    reporter.note([UP])
    for server.refusal in ("another agent", "another agent", "", "another agent"):
        send(reporter)
    told = [record for record in caplog.records if "another agent" in record.getMessage()]
    assert len(told) == 2 and all(record.levelno == logging.WARNING for record in told)
    assert [list(each.statuses) for each in server.reports] == [[UP]]


def test_a_process_names_itself(server: Server, reporter: Reporter) -> None:
    send(reporter)
    send(reporter)
    send(Reporter(Settings(agent=Agent(host="host1")), server, "netdev"))
    first, second, other = (each.instance for each in server.reports)
    assert first and first == second != other
    assert all(each.clock for each in server.reports)
