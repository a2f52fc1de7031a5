"""A certificate and its key, as far as a preview can tell."""

import subprocess
import tempfile

import pytest

from pulumi_skypilot.spec import pem
from tests import certificates


def test_a_pair_is_fit_and_leaves_no_file(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert pem.mismatch(**certificates.table()) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("part", ["certificate", "key"])
def test_what_is_only_headed_as_pem_is_unfit(part):
    pair = certificates.table()
    begin = pair[part].splitlines()[0]
    reason = pem.mismatch(**{**pair, part: f"{begin}\ncanary\n"})
    assert reason is not None
    assert "canary" not in reason


@pytest.mark.parametrize("options", [[], ["-traditional"]])
def test_an_encrypted_key_asks_nobody_for_its_password(tmp_path, options):
    pair = certificates.make(tmp_path)
    encrypted = subprocess.run(
        ["openssl", "pkey", "-in", str(tmp_path / "key.pem"), "-aes256", "-passout", "pass:secret",
         *options],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert "encrypted" in str(pem.wrong("key", encrypted))
    # Were it asked, this would wait for a terminal, for ever.
    assert pem.mismatch(pair.certificate, encrypted) is not None
