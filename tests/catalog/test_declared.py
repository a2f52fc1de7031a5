"""scripts/ranges.py, on a vLLM of a few lines."""

import pathlib
import sys
import tomllib

import pytest

from scripts import ranges

FILES = {
    "_version.py": "__version__ = version = '9.8.7'\n",
    "config/a.py": '''
from enum import IntEnum
Rank = Literal[1, 8]
Word = Literal["x", "y"]
class Level(IntEnum):
    A = 0
    B = 2
@config
class Inner:
    steps: int = Field(default=None, gt=0)
    free: int = 3
@config
class OneConfig:
    share: float = Field(default=0.9, gt=0, le=1)
    """What it is."""
    tokens: int | None = Field(default=None, ge=-1, multiple_of=8)
    rank: Rank = 8
    word: Annotated[Word, 1] | None = None
    free: Word | str = "x"
    on: bool = False
    many: list[int] = field(default_factory=list)
    level: Level = Level.B
    inner: Inner | None = None
    port: int = Field(default=1, ge=1, le=65535)
''',
    "engine/arg_utils.py": '''
def _compute_kwargs(cls):
    human_readable_int_args = {"tokens"}
class EngineArgs:
    @staticmethod
    def add_cli_args(parser):
        one_kwargs = get_kwargs(OneConfig)
        group = parser.add_argument_group(title="One")
        group.add_argument("--share", "--part", dest="share", **one_kwargs["share"])
        group.add_argument("--tokens", "-t", **{**one_kwargs["tokens"], "default": None})
        for_all = one_kwargs["on"]
        group.add_argument("--rank", **one_kwargs["rank"])
        group.add_argument("--word", **one_kwargs["word"])
        group.add_argument("--free", **one_kwargs["free"])
        group.add_argument("--on", **one_kwargs["on"])
        group.add_argument("--many", **one_kwargs["many"])
        group.add_argument("--level", **one_kwargs["level"])
        group.add_argument("--inner", **one_kwargs["inner"])
        parser.add_argument("--port", type=int, default=0)
        parser.add_argument("--choice", choices=["a", "b"])
class AsyncEngineArgs(EngineArgs):
    @staticmethod
    def add_cli_args(parser):
        return EngineArgs.add_cli_args(parser)
''',
    "entrypoints/launchers/cli_args.py": '''
class BaseFrontendArgs:
    seconds: int = 0
class FrontendArgs(BaseFrontendArgs):
    ratio: float | None = None
def make_arg_parser(parser):
    parser.add_argument("--workers", "-w", type=int, default=None)
''',
    "config/quantization.py": "_ONLINE_SHORTHANDS: dict[str, A] = {'online_8': A()}\n",
    "model_executor/layers/quantization/__init__.py": '''
def get_quantization_config(quantization):
    method_to_config: dict[str, type[Q]] = {"four": Four, "same": Same, "away": elsewhere}
''',
    "model_executor/layers/quantization/four.py": '''
class Four(QuantizationConfig):
    def get_supported_act_dtypes(cls):
        return [torch.bfloat16, torch.half]
    @classmethod
    def get_min_capability(cls) -> int:
        return 89
class Same(Four):
    pass
class OnlineQuantizationConfig(Four):
    @classmethod
    def get_min_capability(cls) -> int:
        return 75
''',
}  # fmt: skip


@pytest.fixture
def engine(tmp_path: pathlib.Path) -> pathlib.Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_bounds_and_types_are_read_from_the_declarations(engine: pathlib.Path) -> None:
    share = {"type": "float", "gt": 0, "le": 1, "source": "OneConfig.share"}
    assert ranges.flags(engine) == {
        "share": share,
        "part": {**share, "same_as": "share"},
        "tokens": {"type": "size", "ge": -1, "multiple_of": 8, "optional": True,
                   "source": "OneConfig.tokens"},
        "rank": {"one_of": [1, 8], "source": "OneConfig.rank"},
        "word": {"one_of": ["x", "y"], "optional": True, "source": "OneConfig.word"},
        "many": {"type": "int", "many": True, "source": "OneConfig.many"},
        "level": {"one_of": [0, 2], "source": "OneConfig.level"},
        "inner.steps": {"type": "int", "gt": 0, "source": "Inner.steps"},
        "port": {"type": "int", "ge": 1, "le": 65535, "source": "OneConfig.port"},
        "choice": {"one_of": ["a", "b"], "source": "add_argument --choice"},
        "seconds": {"type": "int", "source": "BaseFrontendArgs.seconds"},
        "ratio": {"type": "float", "optional": True, "source": "FrontendArgs.ratio"},
        "workers": {"type": "int", "source": "add_argument --workers"},
    }  # fmt: skip


def test_what_a_quantization_asks_is_read_from_its_class(engine: pathlib.Path) -> None:
    methods = ranges.methods(engine)
    asked = {name: (row["min_capability"], row["dtypes"]) for name, row in methods.items()}
    both = ["bfloat16", "float16"]
    assert asked == {"four": (89, both), "same": (89, both), "online_8": (75, both)}
    assert methods["four"]["source"].endswith("quantization/four.py, Four")


def test_both_files_are_written_with_the_release(
    engine: pathlib.Path, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["ranges", str(engine), "--catalog", str(tmp_path)])
    ranges.main()
    for name in ("ranges.toml", "methods.toml"):
        assert tomllib.loads((tmp_path / name).read_text())["engine"] == "9.8.7"
    assert tomllib.loads((tmp_path / "ranges.toml").read_text())["inner.steps"]["gt"] == 0
