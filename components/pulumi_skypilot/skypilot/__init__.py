"""The interface to SkyPilot, and the adapter of its Python SDK, which is imported late.

interface.py has the calls and values that the life cycle asks for; the fake in testing/ answers
them too. sdk_calls.py, serve_api.py, cluster_api.py and volume_api.py make them with the real SDK;
log_streams.py passes on whole logs. translation.py turns its errors into those of errors.py.
looks.py repeats read-only calls that fail; bounds.py bounds each call in time. prices.py asks for
the catalogue, nodes.py for the nodes of Kubernetes. sdk_private.py holds the uses of SkyPilot's
private side. credentials.py finds the token. No other room imports sky.
"""

import time
import typing
from collections.abc import Mapping

from .. import errors
from . import http_calls, interface, nodes, prices, sdk_private, translation
from .cluster_api import MachineCalls
from .log_streams import LogCalls
from .sdk_calls import DEFAULT_URL, Connection
from .sdk_private import user_text
from .serve_api import ServiceCalls
from .translation import clean
from .volume_api import VolumeCalls

__all__ = ["DEFAULT_URL", "Connection", "Sdk", "clean", "user_text"]


class Sdk(ServiceCalls, MachineCalls, LogCalls, VolumeCalls):
    """SkyPilot through its own Python SDK."""

    def server(self) -> interface.Server:
        """Return the server that answers, and the user that it takes us for."""

        def ask(sky: typing.Any) -> interface.Server:
            url = self.connection.url
            user = self._known(sky)
            return interface.Server(
                url=url,
                user=user or sky.utils.common_utils.get_user_hash(),
                workspace=self.connection.workspace or "default",
                since=sdk_private.database_mark(sky, url),
            )

        return self._look(ask, seconds=60)

    def _known(self, sky: typing.Any) -> str | None:
        """Return the user that the server takes us for, None if it does not say.

        Raises Denied when it asks for a login.
        """
        url = self.connection.url
        # Not `api_info`: it reports a server of another version as one that does not answer.
        status, info = sky.server.common.check_server_healthy(url)
        user = (info.user or {}).get("id")
        # A server with passwords reports healthy to anybody (health in sky/server/server.py).
        if status.value == "needs_auth" or (info.basic_auth_enabled and user is None):
            raise errors.Denied(translation.denied(url, self.connection.token))
        return user

    def places(self) -> frozenset[str]:
        """Return the infra that the server has credentials for, in lower case.

        Kubernetes is listed by context: `kubernetes/prod`.
        """

        def ask(sky: typing.Any) -> frozenset[str]:
            names = sky.get(sky.client.sdk.enabled_clouds(expand=True))
            return frozenset(str(name).lower() for name in names)

        return self._look(ask, seconds=120)

    def nodes(
        self, question: Mapping[str, typing.Any], *, seconds: float = prices.SECONDS
    ) -> dict[str, typing.Any]:
        """Return the nodes of one's own clusters, for cluster_nodes.question.

        Not part of the interface: no resource asks for nodes.
        """

        def ask(sky: typing.Any) -> dict[str, typing.Any]:
            self._known(sky)
            return nodes.answer(sky, question, seconds=seconds)

        return self._ask(ask, seconds=seconds * 1.1)  # the answer obeys its own time limit

    def prices(
        self, question: Mapping[str, typing.Any], *, seconds: float = prices.SECONDS
    ) -> dict[str, typing.Any]:
        """Return the server's prices, for cost.question.

        Not part of the interface: no resource asks for prices.
        """
        began = time.monotonic()

        def ask(sky: typing.Any) -> dict[str, typing.Any]:
            self._known(sky)
            return prices.answer(sky, question, seconds=seconds, began=began)

        try:
            return self._ask(ask, seconds=seconds * 1.1)  # the answer obeys its own time limit
        except errors.TimedOut:
            url = self.connection.url
            raise errors.TimedOut(f"apiServer {url}: did not answer within {seconds:g} s") from None

    def listens(self, url: str) -> bool:
        """Return whether something takes connections there."""
        return http_calls.listens(url)

    def get(
        self,
        url: str,
        api_key: str | None,
        certificate: str | None = None,
        *,
        check_host: bool = True,
    ) -> tuple[int, str]:
        """Ask a service itself; return the HTTP status and the body."""
        return http_calls.get(url, api_key, certificate, check_host=check_host)
