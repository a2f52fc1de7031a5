"""The subcommands of `pulumi-skypilot`, each a module with `arguments` and `run`."""

from . import (
    asking,
    client_code,
    completion,
    dashboard,
    doctor,
    examples,
    exporting,
    fitting,
    gpus,
    importing,
    logs,
    models,
    monitoring,
    planning,
    reviewing,
    smoke,
    status,
    sweeping,
)
from .command import Command, Nothing, Wrong

__all__ = ["ALL", "Command", "Nothing", "Wrong"]

ALL: tuple[Command, ...] = (
    Command(
        "plan",
        "Show the machines, replicas and cost of a stack's deployments.",
        planning.arguments,
        planning.run,
        examples.OF["plan"],
    ),
    Command(
        "review",
        "Write a report of a preview for a pull request, as Markdown.",
        reviewing.arguments,
        reviewing.run,
        examples.OF["review"],
    ),
    Command(
        "fit",
        "List the GPUs that can serve a model, or the models that a GPU can serve, with spare "
        "memory, requests at once and price.",
        fitting.arguments,
        fitting.run,
        fitting.EXAMPLES,
        fitting.CODES,
    ),
    Command(
        "import",
        "Convert a SkyPilot task into a deployment, or a SkyPilot volume into one of a stack. The "
        "part of the stack file goes to stdout, remarks on what differs go to stderr.",
        importing.arguments,
        importing.run,
        examples.OF["import"],
    ),
    Command(
        "export",
        "Print the SkyPilot task of a deployment.",
        exporting.arguments,
        exporting.run,
        examples.OF["export"],
    ),
    Command(
        "status",
        "Show what serves a stack's deployments now: replicas, places, age, cost, and what "
        "somebody has changed outside the stack.",
        status.arguments,
        status.run,
        examples.OF["status"],
        status.CODES,
    ),
    Command(
        "logs",
        "Show the log of a deployment: its model server, SkyServe's controller or load balancer, "
        "or how its machine was made. Keys are blotted out.",
        logs.arguments,
        logs.run,
        examples.OF["logs"],
    ),
    Command(
        "ask",
        "Ask a deployment's model a question, with the stack's endpoint and key, and print the "
        "answer as it comes.",
        asking.arguments,
        asking.run,
        examples.OF["ask"],
    ),
    Command(
        "chat",
        "Talk with a deployment's model: each line of the input is a question, and the model sees "
        "what was said before.",
        asking.chat_arguments,
        asking.chat,
        examples.OF["chat"],
    ),
    Command(
        "smoke",
        "Check with a few requests that a deployment serves: models, a refusal without the key, a "
        "chat or an embedding, tools if they are on, and the speed. .",
        smoke.arguments,
        smoke.run,
        examples.OF["smoke"],
        smoke.CODES,
    ),
    Command(
        "client",
        "Print a program, a command or variables that ask a deployment. The key is not in it "
        "unless --show-key says so.",
        client_code.arguments,
        client_code.run,
        examples.OF["client"],
    ),
    Command(
        "doctor",
        "Check Pulumi, SkyPilot, the API server, its credentials and machines, and the endpoints, "
        "and say what to do about each fault.",
        doctor.arguments,
        doctor.run,
        examples.OF["doctor"],
        doctor.CODES,
    ),
    Command(
        "open",
        "Open SkyPilot's dashboard of the stack's API server in a browser.",
        dashboard.arguments,
        dashboard.run,
        examples.OF["open"],
    ),
    Command(
        "metrics",
        "Write the files by which Prometheus watches every replica of a stack, with alerts, and a "
        "board for Grafana. --watch keeps them current.",
        monitoring.arguments,
        monitoring.run,
        examples.OF["metrics"],
    ),
    Command(
        "sweep",
        "List the services and clusters that a stack has left on its API server and that its state "
        "does not know, after a lost state or a killed command. --yes takes them down.",
        sweeping.arguments,
        sweeping.run,
        examples.OF["sweep"],
    ),
    Command(
        "models",
        "List the known models, show one, or add one to the project.",
        models.arguments,
        models.run,
        examples.OF["models"],
    ),
    Command(
        "completion",
        "Print a script by which a shell completes commands and options.",
        completion.arguments,
        completion.run,
        examples.OF["completion"],
    ),
    Command(
        "gpus",
        "List the known GPUs, show one, or add one of your own to the project.",
        gpus.arguments,
        gpus.run,
        gpus.EXAMPLES,
    ),
)
"""In the order that --help lists them."""
