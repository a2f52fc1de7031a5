"""A launch that fails, by SkyPilot's own client."""

import pytest
import sky

from pulumi_skypilot import errors, skypilot
from pulumi_skypilot.skypilot import interface
from tests import specs
from tests.with_sky import api_server, planned

pytestmark = pytest.mark.filterwarnings("ignore")

TEXT = "Failed to acquire resources in context team for {Kubernetes(cpus=2)}."
REFUSAL = 'HTTP response body: {"message":"pods is forbidden: exceeded quota: none","code":403}'


@pytest.mark.parametrize(
    ("log", "says"), [(f"W 1 {REFUSAL}\nend\n", f"{TEXT} {REFUSAL}"), ("", TEXT)]
)
def test_what_kubernetes_refuses_is_told_with_the_error_of_a_launch(
    server: api_server.ApiServer, sdk: skypilot.Sdk, log: str, says: str
) -> None:
    server.answers["/launch"] = sky.exceptions.ResourcesUnavailableError(TEXT)
    server.log = log
    made = planned({**specs.SMALLEST, "kind": "cluster"})
    with pytest.raises(errors.NoCapacity) as failure:
        sdk.launch("lab", interface.Order("", made.task))
    assert str(failure.value) == says
