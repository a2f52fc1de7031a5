"""The watchdog: what it takes for idleness, and how it ends a server."""

import http.server
import pathlib
import signal
import socket
import sys
import threading

import pytest

from local.images import stub_vllm
from pulumi_skypilot.plan.remote import watchdog

QUIET = 'vllm:num_requests_running{engine="0"} 0.0\nvllm:num_requests_waiting{engine="0"} 0.0\n'


def metrics(done: int = 0, running: int = 0, waiting: int = 0) -> str:
    return (
        f'vllm:num_requests_running{{engine="0",model_name="a b"}} {running}.0\n'
        f'vllm:num_requests_waiting{{engine="0",model_name="a b"}} {waiting}.0\n'
        f'vllm:request_success_total{{finished_reason="stop"}} {done}.0\n'
        'vllm:request_success_total{finished_reason="abort"} 0.0\n'
    )


class TestIdle:
    def seconds(self, *looks: tuple[float, str | None]) -> float:
        idle = watchdog.Idle()
        return [idle.seconds(text, now) for now, text in looks][-1]

    def test_idleness_counts_from_the_first_answer(self):
        assert self.seconds((0, None), (100, metrics()), (160, metrics())) == 60

    @pytest.mark.parametrize("busy", [{"running": 1}, {"waiting": 1}])
    def test_a_request_under_way_is_no_idleness(self, busy):
        assert self.seconds((0, metrics()), (60, metrics(**busy)), (90, metrics(**busy))) == 0

    def test_a_request_between_two_looks_counts(self):
        assert self.seconds((0, metrics(1)), (60, metrics(2)), (90, metrics(2))) == 30

    def test_no_answer_proves_nothing(self):
        assert self.seconds((0, metrics()), (500, None)) == 0

    def test_a_request_during_a_silence_counts(self):
        assert self.seconds((0, metrics(1)), (500, None), (600, metrics(2))) == 0

    def test_an_engine_that_counts_nothing_is_never_idle(self):
        assert self.seconds((0, "python_info 1.0\n"), (9000, "python_info 1.0\n")) == 0

    def test_a_number_that_was_cut_off_proves_nothing(self):
        assert self.seconds((0, metrics()), (60, metrics() + "vllm:prompt_tokens_total 1e")) == 60
        assert self.seconds((0, metrics()), (60, "vllm:num_requests_running 1e")) == 0


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nvllm:num",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nvllm:num",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\xff",
        b"no HTTP at all\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_cut_off_or_no_text_is_none(answer: bytes):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=speak)
        thread.start()
        assert watchdog.ask(f"http://127.0.0.1:{server.getsockname()[1]}/metrics") is None
        thread.join()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    monkeypatch.setattr(watchdog, "PORT", port)
    monkeypatch.setattr(watchdog, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(watchdog, "LOST_SECONDS", 0.2)
    monkeypatch.setattr(watchdog, "MINUTES", tmp_path / "minutes")
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return port


def serve(port: int, *arguments: str) -> list[str]:
    return [sys.executable, stub_vllm.__file__, "serve", "m", "--port", str(port), *arguments]


def test_an_idle_server_ends_and_has_succeeded(served, monkeypatch, capsys):
    monkeypatch.setenv("AUTOSTOP_IDLE_MINUTES", "0.005")
    assert watchdog.main(serve(served)) == 0
    assert "no request for 0.005 minutes" in capsys.readouterr().out


def test_the_minutes_may_change_while_it_runs(served, monkeypatch):
    monkeypatch.setenv("AUTOSTOP_IDLE_MINUTES", "600")
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(watchdog.main(serve(served))))
    thread.start()
    while watchdog.ask(f"http://127.0.0.1:{served}/health") is None:
        assert thread.is_alive()
    watchdog.MINUTES.write_text("0")
    thread.join(10)
    assert codes == [0]


@pytest.mark.parametrize("text", ["", "six\n", None])
def test_minutes_that_are_just_being_written_leave_the_last_ones(served, text):
    """The file is empty for a moment, since `echo 60 > FILE` truncates it first."""
    watchdog.MINUTES.write_text("60\n")
    assert watchdog._minutes(600.0) == 60
    if text is None:
        watchdog.MINUTES.unlink()
    else:
        watchdog.MINUTES.write_text(text)
    assert watchdog._minutes(600.0) == 600


def test_a_server_that_fails_has_failed(served, monkeypatch):
    monkeypatch.setenv("AUTOSTOP_IDLE_MINUTES", "600")
    assert watchdog.main([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_another_node_ends_with_the_first(served, monkeypatch):
    monkeypatch.setenv("AUTOSTOP_IDLE_MINUTES", "600")
    monkeypatch.setenv("SKYPILOT_NODE_RANK", "1")
    monkeypatch.setenv("SKYPILOT_NODE_IPS", "127.0.0.1\n127.0.0.2")
    first = http.server.ThreadingHTTPServer(("127.0.0.1", served), stub_vllm._Handler)
    stub_vllm._Handler.options = stub_vllm.parse(["serve", "m"])
    thread = threading.Thread(target=first.serve_forever)
    thread.start()
    codes: list[int] = []
    second = threading.Thread(
        target=lambda: codes.append(
            watchdog.main([sys.executable, "-c", "import time; time.sleep(60)"])
        )
    )
    second.start()
    seen = threading.Event()
    real = watchdog.ask

    def ask(url: str) -> str | None:
        body = real(url)
        if body is not None:
            seen.set()
        return body

    monkeypatch.setattr(watchdog, "ask", ask)
    assert seen.wait(10)
    first.shutdown()
    thread.join()
    first.server_close()
    second.join(10)
    assert codes == [0]
