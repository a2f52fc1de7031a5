"""The layers of a host's file system, each built once and kept in the cache.

`layers` says which layers a host with a given engine has, and builds those that are missing.
`debian` makes the lowest: Debian with sshd and SkyPilot's runtime, baked by `bake.sh` from packages
and `runtime.lock`. `stub_vllm.py` is the layer of the stub engine; `engine/` makes the real vLLM's.

Comes in: the cache and the name of an engine. Goes out: folders, the uppermost layer first, whose
names hold a digest of all that they are made of: what changes is built anew. Who calls it:
`start_stop` for a new cloud, `command_line` when the engine of a running one is changed. The
layers know no cloud: what makes hosts or pods of them is up to it.
"""
