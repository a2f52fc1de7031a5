"""An embedded cloud on this machine, for rehearsals and tests.

It is one of two. An emulated AWS: moto answers the AWS API, and each instance is a host of its own
(namespaces, overlay file system, sshd). Or a real Kubernetes, whose nodes are such hosts. SkyPilot
runs unchanged against both. Imports run down this list:

- `command_line`: `python -m local`, what a person types.
- `start_stop`: starts and stops a cloud, as root. It starts `supervisor` as a program of its own.
- `control`: the client of a running cloud, for the command line, tests, benchmarks and scripts.
- `supervisor`: the process tree of a running cloud, and the port that `control` speaks to.
- `aws`: the emulated AWS and its hosts.
- `kubernetes`: the real Kubernetes, its nodes and its pods.
- `api_server`: SkyPilot's API server. It knows of a cloud only what `CloudAccess` tells it.
- `images`: the layers of the hosts' file system.
- `engine`: the layer with the real vLLM.
- `system`: what a cloud needs of this machine: programs, memory, namespaces, networks.
- `locations`: a cloud's folders, addresses and ports.
- `errors`: the error that a user reads.

`kube` is no room but Go: Kubernetes in one program, which `scripts/install-kubernetes` builds.
"""
