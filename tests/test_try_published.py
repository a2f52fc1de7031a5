import pathlib

import pytest

from scripts import try_published

TASKS = pathlib.Path(__file__).parent / "yaml"


def test_the_table_has_a_line_for_every_task(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    for file in TASKS.glob("*.sky.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "other.yaml").write_text("{run: python -m http.server, service: {replicas: 1}}")
    large = "{run: vllm serve Qwen/Qwen3-8B, resources: {accelerators: 'L4:1'}}"
    (tmp_path / "large.yaml").write_text(large)
    monkeypatch.setattr("sys.argv", ["try_published", "--no-skypilot", str(tmp_path)])
    assert try_published.main() == 0
    said = capsys.readouterr().out
    assert all(f"\n{file.name} " in said for file in TASKS.glob("*.sky.yaml"))
    assert "\nlarge.yaml would not start as it is: context: 40960 tokens of Qwen/Qwen3-8B" in said
    assert "1 not imported: run: it starts no vLLM server" in said
    assert f"{len(list(TASKS.glob('*.sky.yaml'))) + 2} tasks; imported, exported" in said
