"""The page of all messages is what the code says."""

from scripts import messages


def test_the_page_of_messages_is_that_of_the_code() -> None:
    assert messages.PAGE.read_text("utf-8") == messages.page(), "run `python -m scripts.messages`"


def test_the_tables_of_troubleshooting_are_those_of_the_code() -> None:
    text = messages.TROUBLE.read_text("utf-8")
    assert messages.filled(text) == text, "run `python -m scripts.messages`"


def test_a_message_that_says_what_to_do_stands_under_its_key() -> None:
    found = messages.ways_out()
    replicas = dict(found["`replicas`"])
    key = "replicas.targetQps.{…}: it is not among the accelerators ({…})"
    assert replicas[key] == "drop it"
    assert sum(map(len, found.values())) > 250
    assert {"The command line", "The API server and its places"} < set(found)


def test_a_message_stands_beside_its_module() -> None:
    rows = dict.fromkeys(messages.messages("plan"))
    assert ("plan/disruption.py", "it is taken down for good{…}") in rows
    assert not [text for module, text in rows if "remote" in module or "set -e" in text]
