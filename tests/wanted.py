"""A service as the tests of the life cycle want it."""

from pulumi_skypilot import marker, plan, spec

NAME = "local-chat"
MARK = "mark0001"


def wanted(mark: str = MARK, **changes: object) -> marker.Wanted:
    data = {"model": "openai/gpt-oss-20b", "cpus": 4, "memory": 16, "infra": "aws", **changes}
    text = plan.plan(spec.parse(data), NAME).task_text
    return marker.Wanted(NAME, mark, text, {}, {"SERVE_API_KEYS": "sk-1"})
