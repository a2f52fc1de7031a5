"""What the base layer and a node's layer are made of."""

import pathlib
import subprocess

import pytest

from local.images import base, debian, layers, node

RECIPES = [base.RECIPE, node.RECIPE]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_each_script_is_shell_without_a_mistake(recipe: debian.Recipe) -> None:
    script = debian.FOLDER / f"{recipe.name}.sh"
    read = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False)
    assert (read.returncode, read.stderr) == (0, "")


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_a_change_of_what_both_scripts_share_builds_anew(recipe: debian.Recipe) -> None:
    assert (debian.FOLDER / "debian.sh").read_bytes() in recipe.made_of()


def test_a_node_does_not_change_with_the_layer_of_its_pods() -> None:
    lock = (debian.FOLDER / "runtime.lock").read_bytes()
    assert lock in base.RECIPE.made_of()
    assert lock not in node.RECIPE.made_of()


def test_a_node_has_one_layer_of_its_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    laid_down = []
    monkeypatch.setattr(node, "lay_down", lambda target, cache: laid_down.append(target))
    (layer,) = layers.for_node(tmp_path)
    assert layers.for_node(tmp_path) == [layer]
    assert layer.name.startswith("node-")
    assert len(laid_down) == 1
