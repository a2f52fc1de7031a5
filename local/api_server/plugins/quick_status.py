"""A plugin of SkyPilot's API server: it reads the records of its own services itself.

With SkyServe's controllers in the API server, SkyPilot 0.14.1 starts a Python that imports sky for
every `serve.status`: 4.5 s of a slow core, a ninth of the CPU of `make test`. What is asked, and of
what database, is the same here. `sky.serve.runner` is SkyPilot's own door for it.
"""

import typing

from sky.backends import cloud_vm_ray_backend
from sky.serve import runner, serve_utils
from sky.server import plugins


class Runner:
    """The runner that reads records in this process, if the controller is in this server."""

    def __init__(self, otherwise: runner.ServiceStatusRunner) -> None:
        self._otherwise = otherwise

    def get_service_status(
        self, *, handle: typing.Any, service_names: list[str] | None, pool: bool
    ) -> list[dict[str, typing.Any]]:
        """Return the records of services, all of them by default."""
        if isinstance(handle, cloud_vm_ray_backend.LocalResourcesHandle):
            packed = serve_utils.get_service_status_pickled(service_names, pool)
            return list(serve_utils.unpickle_service_status(packed))
        return list(
            self._otherwise.get_service_status(
                handle=handle, service_names=service_names, pool=pool
            )
        )


class Plugin(plugins.BasePlugin):  # type: ignore[misc]  # sky has no types
    """A plugin that takes the place of SkyPilot's own way where requests are worked on."""

    load_contexts = frozenset({plugins.PluginContext.EXECUTOR})

    def install(self, extension_context: plugins.ExtensionContext) -> None:
        """Register the runner above in place of SkyPilot's own."""
        del extension_context
        runner.register(Runner(runner.current()))
