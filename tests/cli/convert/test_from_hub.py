"""The keys of a model's config.json that `models add` keeps."""

import importlib.resources
import json
import pathlib
import tomllib
import typing

import pytest

from pulumi_skypilot.catalog import config_json, model_keys

CONFIGS = pathlib.Path(__file__).parents[2] / "measured" / "configs"
MODELS = importlib.resources.files("pulumi_skypilot.catalog") / "models"
WRITTEN = {"extra_parameters", "image_numbers"}
OF_THE_VISION_PART = {"vision_config", "mm_tokens_per_image", "spatial_merge_size"}


def configs() -> dict[str, dict[str, typing.Any]]:
    """Return whole config.json files, and those of the catalogue."""
    whole = {path.stem: json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json"))}
    tables = [tomllib.loads(file.read_text("utf-8")) for file in MODELS.iterdir()]
    return whole | {model["id"]: model["config"] for table in tables for model in table["model"]}


class Watched(dict[str, typing.Any]):
    """A config that records the keys that were read."""

    def __init__(self, *args: typing.Any) -> None:
        super().__init__(*args)
        self.asked: set[str] = set()

    def get(self, key: str, default: typing.Any = None) -> typing.Any:
        self.asked.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> typing.Any:
        self.asked.add(key)
        return super().__getitem__(key)


@pytest.mark.parametrize(("name", "config"), configs().items())
def test_what_the_reader_asks_for_is_kept(
    name: str, config: dict[str, typing.Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Watched(config)
    monkeypatch.setattr(config_json, "text_part", lambda _config: seen)
    config_json.read(seen)
    known = {*model_keys.KEPT, *model_keys.UNCOUNTED, *WRITTEN, *OF_THE_VISION_PART}
    assert seen.asked <= known, name


def test_the_catalogue_has_no_key_that_nobody_reads() -> None:
    known = {*model_keys.KEPT, *model_keys.UNCOUNTED, *WRITTEN}
    unread = {name: config.keys() - known for name, config in configs().items() if "/" in name}
    assert {name: keys for name, keys in unread.items() if keys} == {}
