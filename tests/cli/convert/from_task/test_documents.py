"""Files that a script writes by here-documents."""

import pytest

from pulumi_skypilot.cli.convert import from_task
from pulumi_skypilot.cli.convert.from_task import documents


def test_files_that_a_script_writes_are_read() -> None:
    script = (
        "cat > a.yaml <<'E'\nx: $Y\nE\ncat <<E > $HOME/b.yaml\nx: $Y\nE\ntee -a c <<-E\n\tz\n\tE\n"
    )
    files = documents.read(script, {"Y": "v"})
    assert files == {"a.yaml": "x: $Y\n", "$HOME/b.yaml": "x: v\n", "c": "\tz\n"}


CONFIG = "cat > {path} <<'E'\nmodel: a/b\nseed: 7\nE\n"


@pytest.mark.parametrize("path", ["vllm.yaml", "~/vllm.yaml", "$HOME/vllm.yaml"])
@pytest.mark.parametrize("where", ["setup", "run"])
def test_a_config_that_the_server_reads_needs_no_remark(path: str, where: str) -> None:
    task = {"run": "vllm serve --config vllm.yaml", "resources": {"accelerators": "L4:1"}}
    task[where] = CONFIG.format(path=path) + str(task.get(where, ""))
    imported = from_task.deployment(task)
    assert imported.table["vllmArgs"] == {"seed": 7}
    assert not [str(remark) for remark in imported.remarks if "cat" in remark.text]


def test_a_file_that_nobody_reads_is_named() -> None:
    run = CONFIG.format(path="other.yaml") + "vllm serve a/b"
    lines = map(str, from_task.deployment({"run": run}).remarks)
    assert any("`cat <<E`" in line for line in lines)


def test_a_script_that_is_run_is_read() -> None:
    run = "cat > serve.sh <<'E'\nexec vllm serve a/b --seed 7 \"$@\"\nE\nbash serve.sh"
    imported = from_task.deployment({"run": run})
    assert imported.table["vllmArgs"] == {"seed": 7}
    lost = [remark.text for remark in imported.remarks if remark.kind == "not carried over"]
    assert lost == ["`$@`: only the machine knows which flags these are"]
