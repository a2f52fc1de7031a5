"""The subcommands of `pulumi-skypilot`, each a module with its arguments and what it does."""

from . import exporting, fitting, importing, models, planning, reviewing, sweeping
from .command import Command, Wrong

__all__ = ["ALL", "Command", "Wrong"]

ALL: tuple[Command, ...] = (
    Command(
        "plan",
        "Say what a stack's deployments come to: machines, replicas, cost.",
        planning.arguments,
        planning.run,
    ),
    Command(
        "review",
        "Write the report of a preview for a pull request, as Markdown.",
        reviewing.arguments,
        reviewing.run,
    ),
    Command(
        "fit",
        "List the GPUs that serve a model, or the models that a GPU serves: room, requests at "
        "once, price.",
        fitting.arguments,
        fitting.run,
    ),
    Command(
        "import",
        "Turn a SkyPilot task into a deployment: the part of a stack file on stdout, what could "
        "not be carried over on stderr.",
        importing.arguments,
        importing.run,
    ),
    Command(
        "export",
        "Print the SkyPilot task that a deployment makes.",
        exporting.arguments,
        exporting.run,
    ),
    Command(
        "sweep",
        "List what a stack has made on its API server and its state does not know: what a lost "
        "state or a killed command has left. --yes takes it down.",
        sweeping.arguments,
        sweeping.run,
    ),
    Command(
        "models",
        "List the models that are known, show one, or add one to the project.",
        models.arguments,
        models.run,
    ),
)
"""In the order that --help lists them."""
