"""The examples in the help of each command, each with its meaning. Pure data."""

from collections.abc import Mapping

OF: Mapping[str, Mapping[str, str]] = {
    "plan": {
        "pulumi-skypilot plan --stack dev": "the deployments of a stack file",
        "pulumi-skypilot plan --file deployment.yaml --offline": "of a file, without prices",
        "pulumi-skypilot plan --stack prod --json": "for a program",
    },
    "review": {
        "pulumi preview --json --show-sames | pulumi-skypilot review -": "the report of a preview",
        "pulumi-skypilot review preview.json --prices prices.json": "with kept prices",
    },
    "import": {
        "pulumi-skypilot import chat.sky.yaml": "a task",
        "pulumi-skypilot import volume.yaml --name models": "a volume, under another name",
    },
    "export": {
        "pulumi-skypilot export --stack dev chat": "one deployment of a stack",
        "pulumi-skypilot export --file deployment.yaml": "the one in a file",
    },
    "status": {
        "pulumi-skypilot status": "the selected stack",
        "pulumi-skypilot status --stack prod --json": "another one, for a program",
        "pulumi-skypilot status --watch 30": "every 30 seconds",
        "pulumi-skypilot status --prometheus monitoring/prometheus.yml --watch": "for Prometheus",
    },
    "logs": {
        "pulumi-skypilot logs chat": "the model server",
        "pulumi-skypilot logs chat --replica 2 --follow": "one replica, until Ctrl-C",
        "pulumi-skypilot logs chat --controller --lines 500": "why it scales",
        "pulumi-skypilot logs chat --provision": "how the machine was made",
    },
    "ask": {
        "pulumi-skypilot ask chat 'What is the capital of France?'": "one question",
        "pulumi-skypilot ask chat 'Is 221 prime?' --effort high --thoughts": "with its thoughts",
        "pulumi-skypilot ask chat - --system 'Summarize the text.' <text": "from a file",
    },
    "chat": {
        "pulumi-skypilot chat chat": "until Ctrl-D",
        "pulumi-skypilot chat chat --effort low": "with short thoughts",
    },
    "smoke": {
        "pulumi-skypilot smoke chat": "a table of checks",
        "pulumi-skypilot smoke chat --stack prod --json": "for a program",
    },
    "client": {
        "pulumi-skypilot client chat --for openai": "a Python program",
        "pulumi-skypilot client chat --for env": "variables, to be read by eval",
        "pulumi-skypilot client embed --for curl --embedding": "a request for an embedding",
    },
    "doctor": {
        "pulumi-skypilot doctor": "the selected stack",
        "pulumi-skypilot doctor --stack prod --json": "another one, for a program",
        "pulumi-skypilot doctor --api-server https://sky.example.com": "before the first `up`",
    },
    "open": {
        "pulumi-skypilot open": "in a browser",
        "pulumi-skypilot open --stack prod --print": "its address alone",
    },
    "metrics": {
        "pulumi-skypilot metrics monitoring": "write the files once",
        "pulumi-skypilot metrics monitoring --watch": "keep them current, and serve the cost",
    },
    "sweep": {
        "pulumi-skypilot sweep --stack dev": "list what the stack has left",
        "pulumi-skypilot sweep --stack dev --yes": "take it down",
        "pulumi-skypilot sweep --all --api-server https://sky.example.com": "what no stack knows",
    },
    "models": {
        "pulumi-skypilot models list": "the known ones",
        "pulumi-skypilot models show openai/gpt-oss-20b": "the facts of one",
        "pulumi-skypilot models add acme/chat-7b": "one that is not known",
    },
    "completion": {
        "pulumi-skypilot completion bash >>~/.bashrc": "bash",
        "pulumi-skypilot completion zsh >>~/.zshrc": "zsh",
        "pulumi-skypilot completion fish >~/.config/fish/completions/pulumi-skypilot.fish": "fish",
    },
}
