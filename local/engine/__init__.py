"""The engine of the emulated hosts: real vLLM on CPU, serving a tiny gpt-oss."""
