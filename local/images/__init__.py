"""The layers of a file system of a host, a pod or a node, each built once and kept in the cache.

`layers` says which layers a host or pod with a given engine has, and a Kubernetes node, and builds
those that are missing. `base` is the lowest of hosts and pods: Debian with sshd and SkyPilot's
runtime from `runtime.lock`. `node` is that of a node: Debian with containerd. `debian` runs the
scripts of both. `host_tools` writes commands that run a node's programs on the machine itself.
`stub_vllm.py` is the layer of the stub engine; `engine/` makes the real vLLM's.

Comes in: the cache and the name of an engine. Goes out: folders, the uppermost layer first, whose
names hold a digest of all that they are made of: what changes is built anew. Who calls it:
`start_stop` for a new cloud, `command_line` when the engine of a running one is changed. The
layers know no cloud: what makes hosts or pods of them is up to it.
"""
