"""Ask the model one question: the SDK reads OPENAI_BASE_URL and OPENAI_API_KEY by itself."""

import os
import sys

import openai

answer = openai.OpenAI().chat.completions.create(
    model=os.environ["MODEL"],
    messages=[{"role": "user", "content": " ".join(sys.argv[1:])}],
)
print(answer.choices[0].message.content)
