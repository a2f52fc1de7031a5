"""Programs that ask a deployment, as `pulumi-skypilot client` prints them. Pure data.

`$url`, `$model`, `$name` and `$key` are filled in. A key is never an argument of a process, which
every user of the machine could read.
"""

import collections
from collections.abc import Mapping

PYTHON = frozenset(("openai", "langchain", "agents"))
"""Those that are Python, in which the key is an expression."""

CHAT: Mapping[str, str] = collections.OrderedDict(
    openai="""\
import openai

client = openai.OpenAI(base_url=$url, api_key=$key)
answer = client.chat.completions.create(
    model=$model,
    messages=[{"role": "user", "content": "What is the capital of France?"}],
)
print(answer.choices[0].message.content)
""",
    langchain="""\
from langchain_openai import ChatOpenAI

llm = ChatOpenAI(model=$model, base_url=$url, api_key=$key)
print(llm.invoke("What is the capital of France?").content)
""",
    agents="""\
from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)  # traces would go to OpenAI
client = AsyncOpenAI(base_url=$url, api_key=$key)
agent = Agent(
    name="Assistant",
    instructions="Answer in one sentence.",
    model=OpenAIChatCompletionsModel($model, client),
)
print(Runner.run_sync(agent, "What is the capital of France?").final_output)
""",
    llm="""\
cat >> "$$(dirname "$$(llm logs path)")/extra-openai-models.yaml" <<'END'
- model_id: $name
  model_name: $model
  api_base: $url
  api_key_name: $name
END
export OPENAI_API_KEY=$key
llm -m $name 'What is the capital of France?'
""",
    curl="""\
printf 'header = "Authorization: Bearer %s"\\n' $key |
  curl -sS --config - $url/chat/completions -H 'Content-Type: application/json' -d '{
    "model": "$model",
    "messages": [{"role": "user", "content": "What is the capital of France?"}]
  }'
""",
    env="""\
export OPENAI_BASE_URL=$url
export OPENAI_API_KEY=$key
export MODEL=$model
""",
)

EMBEDDING: Mapping[str, str] = collections.OrderedDict(
    openai="""\
import openai

client = openai.OpenAI(base_url=$url, api_key=$key)
answer = client.embeddings.create(model=$model, input="Hello", encoding_format="float")
print(len(answer.data[0].embedding), "dimensions")
""",
    curl="""\
printf 'header = "Authorization: Bearer %s"\\n' $key |
  curl -sS --config - $url/embeddings -H 'Content-Type: application/json' -d '{
    "model": "$model",
    "input": "Hello"
  }'
""",
    env=CHAT["env"],
)
"""For a model that embeds texts and has no chat."""

RERANK: Mapping[str, str] = collections.OrderedDict(
    openai="""\
import openai

client = openai.OpenAI(base_url=$url, api_key=$key)
body = {
    "model": $model,
    "query": "What is the capital of France?",
    "documents": ["Paris", "A cat"],
}
answer = client.post("/rerank", body=body, cast_to=object)  # the SDK has no method for it
for result in answer["results"]:
    print(result["index"], result["relevance_score"])
""",
    curl="""\
printf 'header = "Authorization: Bearer %s"\\n' $key |
  curl -sS --config - $url/rerank -H 'Content-Type: application/json' -d '{
    "model": "$model",
    "query": "What is the capital of France?",
    "documents": ["Paris", "A cat"]
  }'
""",
    env=CHAT["env"],
)
"""For a model that scores texts and has no chat."""
