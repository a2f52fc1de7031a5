"""The layer with the real vLLM: vLLM on CPU, serving a tiny gpt-oss under the real one's name.

`build` fills the layer: it installs vLLM from `requirements.lock`, writes the model where a
download of openai/gpt-oss-20b would be, and the command `vllm` with the settings of a rehearsal.
`tiny_model` sets the model's weights by hand, so that it answers in the harmony format;
`harmony` rebuilds gpt-oss's tokenizer; `checkpoint` writes the files of a Hugging Face checkpoint.

Comes in: an empty folder, the base layer, the cache. Goes out: /opt/vllm, /opt/models and
/usr/local/bin/vllm below that folder. Who calls it: `images.layers`, once for each version of the
files here (all of them are in the layer's key).
"""
