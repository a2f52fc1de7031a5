"""A table of models reads each one at its first use, and has all of the files."""

import importlib.resources
import tomllib

import pytest

from pulumi_skypilot import catalog
from pulumi_skypilot.catalog import model_table

FILE = """# A comment.
[[model]]
id = "acme/one"
[model.config]
layers = 1

[[model]]
id = "acme/two"
"""


def table() -> tuple[model_table.ModelTable, list[model_table.Entry]]:
    entries: list[model_table.Entry] = []

    def facts(entry: model_table.Entry) -> catalog.ModelFacts:
        entries.append(entry)
        return catalog.builtin()["openai/gpt-oss-20b"]

    return model_table.ModelTable([FILE], facts), entries


def test_a_model_is_read_once_and_alone() -> None:
    models, entries = table()
    assert list(models) == ["acme/one", "acme/two"]
    assert not entries
    assert models["acme/one"] is models.get("acme/one")
    assert entries == [{"id": "acme/one", "config": {"layers": 1}}]


def test_an_unknown_model_is_no_key() -> None:
    models, entries = table()
    assert models.get("acme/three") is None
    with pytest.raises(KeyError):
        models["acme/three"]
    assert not entries


def test_others_take_precedence() -> None:
    models, entries = table()
    other = catalog.builtin()["Qwen/Qwen3-8B"]
    both = models.over({"acme/two": other, "acme/three": other})
    assert [*both] == ["acme/one", "acme/two", "acme/three"]
    assert both["acme/two"] is both["acme/three"] is other
    assert not entries
    assert "acme/three" not in models


def test_the_package_has_every_model_of_its_files_once() -> None:
    folder = importlib.resources.files("pulumi_skypilot.catalog").joinpath("models")
    texts = [file.read_text("utf-8") for file in folder.iterdir()]
    ids = [entry["id"] for text in texts for entry in tomllib.loads(text)["model"]]
    assert sorted(catalog.builtin()) == sorted(ids)


def test_an_entry_must_have_an_id() -> None:
    with pytest.raises(ValueError, match="without an id"):
        model_table.ModelTable(["[[model]]\nweights = 'fp8'\n"], lambda _: None)  # type: ignore[arg-type,return-value]
