"""`pulumi-skypilot review` and `plan`, as one types them."""

import io
import json
import pathlib

import pytest

from pulumi_skypilot import cli
from tests.prices import ROWS

PREVIEWS = pathlib.Path(__file__).parents[1] / "previews"
STACK = """\
config:
  llm:prefix: shop
  llm:deployments:
    chat:
      model: openai/gpt-oss-20b
      accelerators: L4:1
      infra: aws
      replicas: 2
      secrets: {HF_TOKEN: hfToken}
  llm:hfToken: {secure: v1:abc}
"""


@pytest.fixture
def prices(tmp_path):
    file = tmp_path / "prices.json"
    file.write_text(json.dumps({"rows": ROWS}))
    return str(file)


@pytest.fixture
def stack(tmp_path):
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(STACK)
    return str(file)


def test_review_writes_markdown(capsys, prices):
    assert cli.main(["review", str(PREVIEWS / "gpu.json"), "--prices", prices]) == 0
    assert capsys.readouterr().out.startswith("## Preview of `demo`\n\nDeployments: 1 rolls")


def test_review_reads_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO((PREVIEWS / "new.json").read_text()))
    assert cli.main(["review", "-", "--offline"]) == 0
    assert "**Cost: unknown** (offline: no server was asked)." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("Previewing update (prod):", "line 1: not JSON; write it with"),
        ("[]", "there are no steps in it; write it with `pulumi preview --json`"),
        ("{}", "there are no steps in it; write it with `pulumi preview --json`"),
    ],
)
def test_review_refuses_what_is_no_preview_in_one_line(capsys, tmp_path, content, line):
    file = tmp_path / "preview.json"
    file.write_text(content)
    assert cli.main(["review", str(file), "--offline"]) == 2
    told = capsys.readouterr().err
    assert line in told
    assert told.count("\n") == 1


def test_review_says_that_a_file_is_not_there(capsys):
    assert cli.main(["review", "nowhere.json", "--offline"]) == 2
    assert capsys.readouterr().err == ("pulumi-skypilot: nowhere.json: No such file or directory\n")


def test_prices_that_are_none_are_refused(capsys, stack):
    assert cli.main(["plan", "--file", stack, "--prices", stack]) == 2
    assert "not a file of prices" in capsys.readouterr().err


def test_plan_keeps_the_answer_of_no_server_too(capsys, stack, tmp_path):
    kept = tmp_path / "kept.json"
    cli.main(["plan", "--file", stack, "--offline", "--save-prices", str(kept)])
    assert json.loads(kept.read_text()) == {"away": "offline: no server was asked"}
    assert cli.main(["plan", "--file", stack, "--prices", str(kept)]) == 0


def test_plan_prints_json_for_machines(capsys, stack, prices):
    assert cli.main(["plan", "--file", stack, "--prices", prices, "--json"]) == 0
    (chat,) = json.loads(capsys.readouterr().out)
    assert chat["name"] == "chat"
    assert chat["cost"]["most"] == {"low": 1.6, "high": 1.6}


def test_plan_prints_a_table_for_people(capsys, stack, prices):
    assert cli.main(["plan", "--file", stack, "--prices", prices]) == 0
    assert "1.60" in capsys.readouterr().out


def test_plan_names_every_mistake(capsys, tmp_path):
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(STACK.replace("L4:1", "L44:1").replace("replicas: 2", "replicas: -1"))
    assert cli.main(["plan", "--file", str(file), "--offline"]) == 2
    told = capsys.readouterr().err
    assert "chat.replicas" in told


@pytest.fixture
def budgeted(tmp_path):
    """Write a stack file with a budget of that text."""

    def write(text, stack=STACK):
        file = tmp_path / "Pulumi.prod.yaml"
        file.write_text(f"{stack}  llm:budget: {text}\n")
        return str(file)

    return write


def test_plan_refuses_a_stack_over_its_budget_after_its_table(capsys, budgeted, prices):
    assert cli.main(["plan", "--file", budgeted("{hourly: 1}"), "--prices", prices]) == 2
    out, err = capsys.readouterr()
    assert "1.60" in out
    assert err.startswith("pulumi-skypilot: llm:budget.hourly: 1.60 USD an hour at the most")


def test_plan_says_that_a_budget_holds(capsys, budgeted, prices):
    assert cli.main(["plan", "--file", budgeted("{hourly: 2}"), "--prices", prices]) == 0
    assert "llm:budget.hourly: 1.60 of 2.00 USD an hour" in capsys.readouterr().err


def test_plan_for_machines_keeps_to_a_budget_too(capsys, budgeted, prices):
    assert cli.main(["plan", "--file", budgeted("{hourly: 1}"), "--prices", prices, "--json"]) == 2
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["name"] == "chat"
    assert "is over 1.00" in err


def test_plan_refuses_a_budget_that_it_cannot_check(capsys, budgeted):
    assert cli.main(["plan", "--file", budgeted("{hourly: 40}"), "--offline"]) == 2
    assert capsys.readouterr().err.startswith(
        "pulumi-skypilot: llm:budget: it cannot be checked: offline: no server was asked, so the "
        "price of chat (L4:1, aws) is unknown"
    )


def test_plan_tells_what_a_budget_leaves_out(capsys, budgeted):
    file = budgeted("{hourly: 40, unknown: allow}")
    assert cli.main(["plan", "--file", file, "--offline"]) == 0
    assert capsys.readouterr().err.startswith(
        "llm:budget: not counted, as unknown: allow says: chat (L4:1, aws): offline"
    )


def test_plan_refuses_a_budget_that_is_none(capsys, budgeted):
    assert cli.main(["plan", "--file", budgeted("{hourley: 40}"), "--offline"]) == 2
    assert capsys.readouterr().err == (
        "pulumi-skypilot: llm:budget.hourley: unknown key; did you mean hourly?\n"
    )


def test_plan_of_a_stack_reads_its_budget(capsys, tmp_path, monkeypatch, budgeted):
    budgeted("{hourly: 40}")
    (tmp_path / "Pulumi.yaml").write_text("name: llm\n")
    monkeypatch.chdir(tmp_path)
    assert cli.main(["plan", "--stack", "prod", "--offline"]) == 2
    assert "llm:budget: it cannot be checked" in capsys.readouterr().err


def test_the_answer_of_other_deployments_does_not_make_a_budget_hold(capsys, budgeted, tmp_path):
    """Of prices that were kept: what they were not asked has not no price."""
    kept = tmp_path / "kept.json"
    asked = {"accelerators": ["L4"], "clouds": ["aws"], "anywhere": False, "machines": []}
    kept.write_text(json.dumps({"rows": ROWS, "asked": asked}))
    file = budgeted("{hourly: 40}", STACK.replace("infra: aws", "infra: [aws, gcp]"))
    assert cli.main(["plan", "--file", file, "--prices", str(kept)]) == 2
    assert "no price of L4 was asked for there, so the price of chat (L4:1, gcp) is unknown" in (
        capsys.readouterr().err
    )
