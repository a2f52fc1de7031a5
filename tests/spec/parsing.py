"""Helpers that parse a spec, or return the reasons why it is refused."""

import pydantic
import pytest

from pulumi_skypilot import errors, spec
from pulumi_skypilot.spec import readers
from tests import specs


def problems(data: dict[str, object]) -> dict[str, str]:
    with pytest.raises(errors.SpecError) as caught:
        spec.parse(data)
    return {problem.property: problem.reason for problem in caught.value.problems}


def refused(**data: object) -> str:
    """Return the one reason why the smallest spec with these keys is refused."""
    reasons = problems({**specs.SMALLEST, **data})
    assert list(reasons) == list(data)[:1]
    return next(iter(reasons.values()))


def parsed(**data: object) -> spec.Spec:
    return spec.parse({**specs.SMALLEST, **data})


def all_keys() -> dict[str, list[str]]:
    tables: dict[str, type[pydantic.BaseModel]] = {"": spec.Spec}
    for field in spec.Spec.model_fields.values():
        nested = readers.nested(field.annotation)
        if nested is not None:
            tables[f"{field.alias}{'./a' if field.alias == 'mounts' else ''}"] = nested
    return {
        where: [str(field.alias) for field in table.model_fields.values()]
        for where, table in tables.items()
    }
