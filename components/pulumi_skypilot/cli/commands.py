"""The subcommands of `pulumi-skypilot`, each a module with `arguments` and `run`."""

from . import exporting, fitting, importing, models, planning, reviewing, sweeping
from .command import Command, Wrong

__all__ = ["ALL", "Command", "Wrong"]

ALL: tuple[Command, ...] = (
    Command(
        "plan",
        "Show the machines, replicas and cost of a stack's deployments.",
        planning.arguments,
        planning.run,
    ),
    Command(
        "review",
        "Write a report of a preview for a pull request, as Markdown.",
        reviewing.arguments,
        reviewing.run,
    ),
    Command(
        "fit",
        "List the GPUs that can serve a model, or the models that a GPU can serve, with spare "
        "memory, requests at once and price.",
        fitting.arguments,
        fitting.run,
    ),
    Command(
        "import",
        "Convert a SkyPilot task into a deployment. The part of the stack file goes to stdout, "
        "remarks on what differs go to stderr.",
        importing.arguments,
        importing.run,
    ),
    Command(
        "export",
        "Print the SkyPilot task of a deployment.",
        exporting.arguments,
        exporting.run,
    ),
    Command(
        "sweep",
        "List the services and clusters that a stack has left on its API server and that its state "
        "does not know, after a lost state or a killed command. --yes takes them down.",
        sweeping.arguments,
        sweeping.run,
    ),
    Command(
        "models",
        "List the known models, show one, or add one to the project.",
        models.arguments,
        models.run,
    ),
)
"""In the order that --help lists them."""
