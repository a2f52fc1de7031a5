import pytest

from pulumi_skypilot.cli.convert.from_task import leftovers, remarks, server


def setup(script: str) -> tuple[list[str], list[str]]:
    entries = list(leftovers.setup(script, {"NAME": "x"}))
    lines = [item[1] for item in entries if isinstance(item, tuple)]
    return lines, [item.text for item in entries if isinstance(item, remarks.Remark)]


@pytest.mark.parametrize(
    "line",
    [
        "conda activate vllm",
        "uv venv --python 3.12 --seed",
        "source .venv/bin/activate",
        "bash miniconda.sh -b -p $HOME/miniconda",
        "pip install -U vllm==0.6.1 'transformers>=4' hf_transfer",
        "uv pip install git+https://github.com/huggingface/transformers@21fac7",
        "uv pip install --pre vllm --extra-index-url https://x --index-strategy unsafe-best-match",
        "python -c \"import huggingface_hub; huggingface_hub.login('$HF_TOKEN')\"",
        "hf download org/model",
        "if [ $? -ne 0 ]; then conda create -n a -y; fi",
        "echo done",
    ],
)
def test_what_is_done_anyway_goes_without_a_word(line: str) -> None:
    assert setup(line) == ([], [])


def test_other_lines_go_along_as_they_are_written() -> None:
    assert setup("sudo apt-get install -y 'lib*' ~/x.deb # why\nmake $NAME") == (
        ["sudo apt-get install -y 'lib*' ~/x.deb # why", "make x"],
        [],
    )


def test_packages_go_along_without_those_that_vllm_brings() -> None:
    assert setup("uv pip install torch blobfile 'mamba-ssm<3'")[0] == [
        "pip install blobfile 'mamba-ssm<3'"
    ]


@pytest.mark.parametrize(
    "script",
    [
        "if [ -e f ]; then make; fi",
        "make || true",
        "make $(nproc)",
        "cat > f <<EOF\ntext\nEOF",
        "hf download org/model --local-dir /m && make",
    ],
)
def test_what_does_not_stand_alone_is_told(script: str) -> None:
    lines, texts = setup(script)
    assert lines == []
    assert "is not a simple command" in texts[0]


def test_programs_beside_the_server_are_told() -> None:
    script = "ray start --head\nvllm serve a/b &\nwhile ! `x`; do sleep 1; done\npython page.py"
    others = server.find(script, {}).others
    assert [item.text.split("`")[1] for item in leftovers.beside(others, nodes=1)] == [
        "ray start --head", "python page.py",
    ]  # fmt: skip
    assert len(list(leftovers.beside(others, nodes=2))) == 1


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("pip install transformers==4 vllm==0.3.2", "vllm==0.3.2"),
        ("uv pip install 'vllm>=0.8.3'", "vllm>=0.8.3"),
        ("pip install git+https://github.com/vllm-project/vllm.git@e24",
         "git+https://github.com/vllm-project/vllm.git@e24"),
        ("pip install vllm-flash-attn", None),
    ],
)  # fmt: skip
def test_the_vllm_that_is_installed_is_named(line: str, requirement: str | None) -> None:
    assert leftovers.installed_vllm(line, {}) == requirement
