"""A load balancer's certificate: its way to SkyPilot, and its proof to whoever waits."""

import dataclasses
import http.server
import pathlib
import ssl
import threading
import types
import typing

import pytest

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import interface, tls
from tests import certificates
from tests.wanted import NAME, wanted


@pytest.fixture
def pair(tmp_path) -> interface.Tls:
    return certificates.make(tmp_path, "IP:127.0.0.1")


@pytest.fixture
def serve(tmp_path) -> typing.Iterator[typing.Callable[[interface.Tls], str]]:
    """Yield a function that serves HTTPS with a certificate and returns the address."""
    made: list[http.server.HTTPServer] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"here")

        def log_message(self, format: str, *args: typing.Any) -> None:
            pass

    def start(pair: interface.Tls) -> str:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tls.files(pair) as files:
            assert files is not None
            context.load_cert_chain(files["certfile"], files["keyfile"])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return f"https://127.0.0.1:{server.server_port}"

    yield start
    for server in made:
        server.shutdown()
        server.server_close()


class TestFiles:
    def test_files_of_a_certificate_are_private_and_gone_after_the_call(self, pair):
        with tls.files(pair) as files:
            assert files is not None
            paths = [pathlib.Path(path) for path in files.values()]
            assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600]
            assert paths[0].parent.stat().st_mode & 0o777 == 0o700
            assert [path.read_text() for path in paths] == [pair.certificate, pair.key]
        assert not paths[0].parent.exists()

    def test_files_of_a_certificate_are_gone_after_a_failure_too(self, pair):
        files = tls.files(pair)
        section = files.__enter__()
        assert section is not None
        error = errors.Failed("SkyPilot says no")
        assert not files.__exit__(type(error), error, None)
        assert not any(pathlib.Path(path).exists() for path in section.values())

    def test_a_certificate_and_a_key_that_do_not_belong_together_are_refused(self, pair, tmp_path):
        folder = tmp_path / "other"
        folder.mkdir()
        other = certificates.make(folder)
        with (
            pytest.raises(errors.Invalid, match=r"^tls: .*do not belong together"),
            tls.files(interface.Tls(pair.certificate, other.key)),
        ):
            pass

    def test_without_a_certificate_there_are_no_files(self):
        with tls.files(None) as files:
            assert files is None


class FakeSky:
    """An SDK that records the TLS section of each task and the text of its files."""

    def __init__(self) -> None:
        self.seen: list[tuple[dict[str, str], list[str]]] = []
        self.text = ""
        self.local = False
        self.Task = types.SimpleNamespace(from_yaml_config=self._task)
        self.serve = types.SimpleNamespace(
            up=lambda *_: None,
            update=lambda *_: None,
            UpdateMode=types.SimpleNamespace(ROLLING=1, BLUE_GREEN=2),
            serve_utils=types.SimpleNamespace(
                generate_remote_tls_certfile_name=lambda name: f"~/.sky/serve/{name}/tls_certfile",
                generate_remote_tls_keyfile_name=lambda name: f"~/.sky/serve/{name}/tls_keyfile",
            ),
        )
        self.server = types.SimpleNamespace(
            common=types.SimpleNamespace(is_api_server_local=lambda: self.local)
        )

    def _task(self, config: dict[str, typing.Any], **_: object) -> None:
        section = config["service"]["tls"]
        self.text = config["_user_specified_yaml"]
        files = [pathlib.Path(path) for path in section.values()]
        self.seen.append((section, [file.read_text() for file in files if file.exists()]))

    def get(self, _request: object) -> None:
        return None


@pytest.fixture
def sky() -> FakeSky:
    return FakeSky()


@pytest.fixture
def sdk(monkeypatch, sky):
    sdk = skypilot.Sdk(skypilot.Connection())
    monkeypatch.setattr(sdk, "_sky", lambda: sky)
    return sdk


@pytest.fixture
def order(pair) -> interface.Order:
    service = wanted(tls={"certificate": "cert", "key": "certKey"})
    return dataclasses.replace(service, tls=pair).order()


class TestSdk:
    def test_the_adapter_gives_skypilot_the_files_and_keeps_paths_and_values_out_of_the_text(
        self, sdk, sky, order, pair
    ):
        sdk.up(NAME, order)
        section, held = sky.seen[0]
        assert held == [pair.certificate, pair.key]
        assert not any(path in sky.text for path in section.values())
        assert "PRIVATE KEY" not in sky.text

    def test_the_adapter_names_skyserves_own_files_to_a_local_server_on_update(
        self, sdk, sky, order
    ):
        """Name SkyServe's: ours are gone when its controller starts again, and HTTPS would fail."""
        sky.local = True
        sdk.update(NAME, order)
        assert sky.seen[0][0]["keyfile"] == f"~/.sky/serve/{NAME}/tls_keyfile"

    def test_the_adapter_uploads_files_to_a_remote_server_on_update(self, sdk, sky, order, pair):
        sdk.update(NAME, order)
        assert sky.seen[0][1] == [pair.certificate, pair.key]


class TestGet:
    def test_a_request_trusts_the_certificate_that_it_is_given(self, sdk, serve, pair):
        assert sdk.get(serve(pair), None, pair.certificate) == (200, "here")

    def test_a_request_trusts_no_other_certificate(self, sdk, serve, pair, tmp_path):
        folder = tmp_path / "other"
        folder.mkdir()
        address = serve(certificates.make(folder, "IP:127.0.0.1"))
        with pytest.raises(errors.Untrusted) as caught:
            sdk.get(address, None, pair.certificate)
        assert not caught.value.name_only

    def test_a_request_tells_the_right_certificate_for_another_name_apart(
        self, sdk, serve, tmp_path
    ):
        pair = certificates.make(tmp_path, "DNS:llm.example.com")
        address = serve(pair)
        with pytest.raises(errors.Untrusted) as caught:
            sdk.get(address, None, pair.certificate)
        assert caught.value.name_only
        assert sdk.get(address, None, pair.certificate, check_host=False) == (200, "here")


def test_the_digest_changes_with_the_certificate_and_tells_nothing_of_it(pair):
    plain = wanted()
    certified = dataclasses.replace(plain, tls=pair)
    other = dataclasses.replace(plain, tls=interface.Tls(pair.certificate, pair.key + "\n"))
    assert len({plain.digest, certified.digest, other.digest}) == 3
    assert "PRIVATE KEY" not in repr(certified)
