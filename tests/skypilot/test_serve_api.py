"""What is read of a service's record."""

from pulumi_skypilot import skypilot


def test_the_authors_text_is_taken_and_not_the_normal_form_with_its_values():
    content = "secrets: {A: canary}\n_user_specified_yaml: |\n  secrets: {A: null}\n  # mark\n"
    assert skypilot.user_text(content) == "secrets: {A: null}\n# mark\n"
    assert skypilot.user_text(None) is None
