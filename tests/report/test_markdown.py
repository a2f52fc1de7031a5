"""The report of a preview: previews/ holds what the real CLI wrote, cut down to what is read."""

import json
import pathlib

import pytest

from pulumi_skypilot import spec
from pulumi_skypilot.plan import cost
from pulumi_skypilot.plan.changes import Effect
from pulumi_skypilot.report import markdown, preview_json

FOLDER = pathlib.Path(__file__).parents[1] / "previews"
PRICES = cost.Prices(
    rows=(
        cost.Row("aws", "us-east-1", "g6.xlarge", "L4", 1.0, 4.0, 16.0, 0.8, 0.3),
        cost.Row("aws", "us-east-1", "g6e.xlarge", "L40S", 1.0, 4.0, 32.0, 1.9, 0.8),
    ),
    machines={cost.machine({**cost.CONTROLLER, "infra": "aws", "use_spot": False}): 0.19},
)


def content(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def report(name, prices=PRICES):
    return markdown.markdown(preview_json.read(content(name)), prices)


def line(text, start):
    return next(row for row in text.splitlines() if row.startswith(start))


def test_a_new_stack():
    text = report("new")
    assert "Deployments: 2 new." in text
    assert line(text, "| **chat**") == (
        "| **chat** | new | `openai/gpt-oss-20b` | L4:1, aws, spot | 1 to 2 | 8192 | "
        "fits, 15.7 at once | "
        "0.30; at most 0.60 |"
    )
    assert line(text, "**chat** new:") == (
        "**chat** new: 1 new replica of L4:1 starts; nothing else is touched. **+0.30 USD/h.**"
    )


def test_a_change_shows_both_sides_and_what_it_takes_meanwhile():
    text = report("gpu")
    assert "| L4:1, aws, spot → **L40S:1, aws, spot** |" in line(text, "| **chat**")
    assert "| at the fewest replicas | 0.30 | **0.80** | 584 |" in text
    assert line(text, "**chat** rolls:") == (
        "**chat** rolls: 1 new replica of L40S:1 starts beside the old one, which retires once "
        "its replacement is ready (`up` waits up to 45 min); requests are answered throughout. "
        "**+0.80 USD/h while it lasts.**"
    )
    assert (
        "| `accelerators`: `L4:1` → `L40S:1` | `resources.accelerators` | rolls | "
        "replicas read it when they start |"
    ) in text


def test_a_change_of_the_autoscaler_says_what_may_stop():
    text = report("scale")
    assert "Deployments: 1 in place, 1 unchanged." in text
    assert line(text, "**chat** in place:") == (
        "**chat** in place: up to 1 running replica stops at once, without downscaleDelay, if the "
        "requests of the last minute do not need it; SkyServe may answer 503 for up to 20 s while "
        "it applies the change."
    )
    assert "| at the most replicas | 0.60 | **1.20** |" in text


def test_what_a_refresh_found_is_what_may_stop():
    changed = content("scale")
    for step in changed["steps"]:
        if step["op"] == "update" and step["newState"]["type"].endswith(":Service"):
            text = "service: {replica_policy: {min_replicas: 5, max_replicas: 5}}"
            step["oldState"]["inputs"]["plan"]["task"] = text
            step["oldState"]["inputs"]["drift"] = {"replicas.min": "1 -> 5"}
    text = markdown.markdown(preview_json.read(changed), PRICES)
    assert "**chat** in place: 1 of 5 running replicas stops at once; up to 4, without" in text


def test_changes_of_one_reason_share_a_row():
    text = report("model")
    assert (
        "| `model`: `openai/gpt-oss-20b` → `Qwen/Qwen3-8B`<br>"
        "`servedName`: `openai/gpt-oss-20b` → `Qwen/Qwen3-8B` | `run`<br>`run` | rolls |"
    ) in text


def test_the_report_reads_data_and_no_text():
    said = content("replace")
    said["diagnostics"] = [{"severity": "info", "message": "other-chat: rolls: nonsense (x)\n"}]
    assert markdown.markdown(preview_json.read(said), PRICES) == report("replace")


def test_of_what_stays_the_changes_of_the_last_update_are_not_told():
    changed = content("same")
    row = {"key": "context", "effect": "rolls", "why": "x"}
    for step in changed["steps"]:
        if step["newState"]["type"].endswith(":Service"):
            step["newState"]["inputs"]["changes"] = [row]
    assert markdown.markdown(preview_json.read(changed), PRICES) == report("same")


def test_a_removal_is_struck_out_and_not_in_the_picture():
    text = report("remove")
    assert "~~`Qwen/Qwen3-8B`~~" in line(text, "| **lab**")
    assert "**lab** removed: it is taken down for good." in text
    assert "Qwen" not in text.partition("```mermaid")[2]


def test_a_replacement_says_that_nothing_answers():
    text = report("replace")
    assert "**nothing answers meanwhile**" in line(text, "**chat** replaces:")
    assert "| `name`: `demo-chat` → `other-chat` | `name` | replaces | another name" in text


def test_an_unchanged_stack():
    assert "Nothing that runs is disturbed." in report("same")


def test_a_preview_that_failed_says_why_and_no_more():
    assert report("broken") == (
        "## Preview of `demo`\n\n"
        "**The preview failed: nothing can be deployed like this.**\n\n"
        "- llm:deployments.chat.context: 99999999 tokens are more than the 131072 of "
        "openai/gpt-oss-20b; lower it to 131072 or leave it out\n"
    )


def test_without_show_sames_the_report_says_that_it_lacks_the_rest():
    cut = content("remove")
    cut["steps"] = [step for step in cut["steps"] if step["op"] != "same"]
    assert "`--show-sames`" in markdown.markdown(preview_json.read(cut), PRICES)
    assert "`--show-sames`" not in report("remove")


def test_unknown_prices_are_said_once_and_fail_nothing():
    text = report("new", cost.Prices(away="no server answers"))
    assert "**Cost: unknown** (no server answers)." in text
    assert line(text, "| **chat**").endswith("| unknown |")


@pytest.mark.parametrize(
    ("name", "warning"),
    [
        ("new", "- **chat**: spot without a fallback"),
        ("secrets", "- **code**: scales to zero"),
        ("new", "- **lab**: no replicas"),
        ("new", "- **chat, lab**: the endpoint is plain HTTP"),
    ],
)
def test_warnings(name, warning):
    assert warning in report(name)


def test_a_deployment_without_a_key_is_warned_of():
    changed = content("new")
    for step in changed["steps"]:
        if step["newState"]["type"].endswith(":Service"):
            step["newState"]["inputs"]["auth"] = "none"
    assert "- **chat, lab**: no key is asked for" in markdown.markdown(
        preview_json.read(changed), PRICES
    )


def test_no_secret_and_no_env_reaches_the_report():
    """The recorded previews hold them, as if Pulumi had masked nothing."""
    changed = content("model")
    for step in changed["steps"]:
        for side in ("oldState", "newState"):
            inputs = (step.get(side) or {}).get("inputs") or {}
            inputs["apiKey"] = "canary-key"
            inputs["env"] = {"NAME": "canary-env"}
            inputs["secrets"] = {"HF_TOKEN": "canary-token"}
            inputs["seed"] = "canary-seed"
    text = markdown.markdown(preview_json.read(changed), PRICES)
    assert "canary" not in text
    assert "`env.A`" in text  # that it changed is told


def test_tables_of_secrets_are_hidden_as_pulumi_has_them_and_known_to_be_there():
    changed = content("new")
    plain = "plain HTTP"
    assert plain in markdown.markdown(preview_json.read(changed), PRICES)
    for step in changed["steps"]:
        if step["newState"]["type"].endswith(":Service"):
            hidden = {"tls": "[secret]", "imageCredentials": "[secret]"}
            step["newState"]["inputs"] |= {"image": "docker:a.b/vllm:1", **hidden}
    assert plain not in markdown.markdown(preview_json.read(changed), PRICES)


def test_what_stands_in_a_cell_cannot_break_the_table():
    changed = content("new")
    for step in changed["steps"]:
        if step["newState"]["type"].endswith(":Service"):
            step["newState"]["inputs"]["model"] = "/models/a|b<c"
    text = markdown.markdown(preview_json.read(changed), PRICES)
    assert "`/models/a\\|b&lt;c`" in line(text, "| **chat**")


def test_what_is_no_preview_is_refused_in_one_line():
    with pytest.raises(preview_json.Unreadable, match="pulumi preview --json"):
        preview_json.read({"version": 3})


def test_the_memory_of_each_gpu_is_drawn():
    text = report("new")
    bar = line(text, "chat L4:1 ")
    assert bar.endswith("· 21.84 GiB")
    drawn = bar.split()[2]
    assert len(drawn) == 40
    assert [letter for letter in "█▓▒░·" if letter in drawn] == list("█▓▒░·")
    assert drawn == "".join(sorted(drawn, key="█▓▒░·".index))
    assert "█ weights, ▓ activations and CUDA graphs" in text


def fitted(**data):
    side = preview_json.Side(spec.parse({"accelerators": "H100:1", **data}), {})
    deployment = preview_json.Deployment("chat", "p-chat", Effect.STARTS, None, side)
    return markdown.markdown(
        preview_json.Preview("p", (deployment,)), cost.Prices(away="not asked")
    )


def test_fewer_than_four_long_requests_at_once_are_worth_a_thought():
    few, many = fitted(model="openai/gpt-oss-120b"), fitted(model="openai/gpt-oss-20b")
    warning = (
        "- **chat**: fewer than 4 requests of the whole context fit at once: when several are "
        "long, some wait. A shorter `context`, `kvCacheDtype: fp8` or another GPU makes room."
    )
    assert warning in few.splitlines()
    assert warning not in many.splitlines()


def test_what_would_make_room_is_told_and_not_done():
    text = fitted(model="openai/gpt-oss-120b")
    assert "### What would make room" in text
    assert "| chat, H100:1 | `kvCacheDtype: fp8` | 1.8 → **3.7** |" in text
    assert "| keys and values are rounded to 8 bits |" in text


def test_a_verdict_that_changes_shows_both():
    before, after = (
        preview_json.Side(spec.parse({"model": "openai/gpt-oss-20b", "accelerators": gpu}), {})
        for gpu in ("L4:1", ["L40S:1", "H100:1"])
    )
    deployment = preview_json.Deployment("chat", "p-chat", Effect.ROLLING, before, after)
    text = markdown.markdown(
        preview_json.Preview("p", (deployment,)), cost.Prices(away="not asked")
    )
    assert "fits, 1.4 at once → **L40S:1: fits, 7.9 at once; H100:1: fits, 17.1 at once**" in text
    assert "fit | USD/h" in line(text, "| deployment")


def test_what_is_not_reckoned_any_more_is_bold_once():
    before, after = (
        preview_json.Side(spec.parse({"model": model, "accelerators": "L4:1"}), {})
        for model in ("openai/gpt-oss-20b", "somebody/some-model")
    )
    deployment = preview_json.Deployment("chat", "p-chat", Effect.ROLLING, before, after)
    text = markdown.markdown(
        preview_json.Preview("p", (deployment,)), cost.Prices(away="not asked")
    )
    assert "fits, 1.4 at once → **fit not checked** |" in text


def test_what_the_preview_said_of_its_budget_stands_under_the_sums():
    written = content("new")
    written["diagnostics"] = [
        *(written.get("diagnostics") or ()),
        {"severity": "info", "message": "llm:budget.hourly: 0.60 of 40.00 USD an hour\n"},
        {"severity": "warning", "message": "warning: llm:budget: not counted: chat (<L4:1>)\n"},
        {"severity": "info", "message": "my note on llm:budget: none\n"},
    ]
    text = markdown.markdown(preview_json.read(written), PRICES)
    assert (
        "- llm:budget.hourly: 0.60 of 40.00 USD an hour\n"
        "- llm:budget: not counted: chat (&lt;L4:1&gt;)\n"
    ) in text
    assert "my note" not in text


def test_a_budget_that_does_not_hold_is_why_the_preview_failed():
    line = "llm:budget: it cannot be checked: no server, so the price of chat (L4:1) is unknown"
    written = {"diagnostics": [{"severity": "error", "message": f"error: {line}"}]}
    text = markdown.markdown(preview_json.read(written), PRICES)
    assert f"nothing can be deployed like this.**\n\n- {line}" in text


def test_what_is_not_reckoned_is_said_aloud():
    text = fitted(model="somebody/some-model")
    assert "| **fit not checked** | unknown |" in text
    assert "### Not checked\n\n- **chat**: somebody/some-model is not in the catalogue" in text


def test_what_is_reckoned_in_part_does_not_read_as_approved():
    text = fitted(
        model="openai/gpt-oss-20b",
        accelerators=["H100:1", "MI250:1"],
        image="docker:vllm/vllm-openai-rocm:v0.32.0",
    )
    assert "H100:1: fits, 17.1 at once; MI250:1: **fit not checked** |" in text
    assert "- **chat**: MI250:1: the memory fit is not computed for this GPU." in text.splitlines()


def test_what_the_preview_did_not_check_is_taken_from_it():
    """Env is not read here, and may be why."""
    noted = {"unchecked": ["because of env"], "disk": ["disk: tight"]}
    side = preview_json.Side(
        spec.parse({"model": "openai/gpt-oss-20b", "accelerators": "H100:1"}), noted
    )
    deployment = preview_json.Deployment("chat", "p-chat", Effect.STARTS, None, side)
    text = markdown.markdown(
        preview_json.Preview("p", (deployment,)), cost.Prices(away="not asked")
    )
    assert "- **chat**: because of env.\n- **chat**: disk: tight.\n" in text


def test_what_was_checked_has_no_such_part():
    assert "Not checked" not in fitted(model="openai/gpt-oss-20b")


def test_what_stands_in_a_change_cannot_break_out_of_its_cell():
    changed = content("scale")
    row = {
        "key": "setup",
        "effect": "rolls",
        "why": "see [here](http://x)",
        "old": "a `b` c|d",
        "new": "e\u202ef\0\ng",
        "path": "setup",
    }
    odd = {**row, "effect": ["rolls"]}
    for step in changed["steps"]:
        if step["op"] == "update" and step["newState"]["type"].endswith(":Service"):
            step["newState"]["inputs"]["changes"] = [row, odd]
    text = markdown.markdown(preview_json.read(changed), PRICES)
    assert (
        "| `setup`: `` a `b` c\\|d `` → `e f  g` | `setup` | rolls | see &#91;here](http://x) |"
    ) in text
