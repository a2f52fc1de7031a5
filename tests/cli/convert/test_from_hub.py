"""The keys of a model's config.json that `models add` keeps."""

import json
import pathlib
import typing

import pytest

from pulumi_skypilot.catalog import config_json
from pulumi_skypilot.cli.convert import from_hub

CONFIGS = pathlib.Path(__file__).parents[2] / "measured" / "configs"


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


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.stem)
def test_what_the_reader_asks_for_is_kept(
    path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Watched(json.loads(path.read_text()))
    monkeypatch.setattr(config_json, "text_part", lambda _config: seen)
    config_json.read(seen)
    written = {"extra_parameters", "image_numbers"}
    of_the_vision_part = {"vision_config", "mm_tokens_per_image", "spatial_merge_size"}
    known = {*from_hub.KEPT, *config_json.UNCOUNTED}
    assert seen.asked <= known | written | of_the_vision_part
