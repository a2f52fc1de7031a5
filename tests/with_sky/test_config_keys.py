"""The keys of SkyPilot's configuration that a task may override, as SkyPilot itself lists them."""

from sky.utils import schemas

from pulumi_skypilot import catalog


def test_the_catalogue_has_the_keys_that_skypilot_lets_a_task_override() -> None:
    properties = schemas.get_task_schema()["properties"]["config"]["properties"]
    theirs = {key: tuple(sorted(table.get("properties", ()))) for key, table in properties.items()}
    assert dict(catalog.config_keys()) == theirs
