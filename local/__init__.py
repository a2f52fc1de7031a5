"""An embedded cloud on this machine, for rehearsals and tests.

It emulates AWS: moto answers the AWS API, each instance is a host of its own (namespaces, overlay
file system, sshd), and SkyPilot runs unchanged against it. Imports run down this list:

- `command_line`: `python -m local`, what a person types.
- `start_stop`: starts and stops a cloud, as root. It starts `supervisor` as a program of its own.
- `control`: the client of a running cloud, for the command line, tests, benchmarks and scripts.
- `supervisor`: the process tree of a running cloud, and the port that `control` speaks to.
- `aws`: the emulated AWS and its hosts. A second cloud gets a room of its own beside it.
- `api_server`: SkyPilot's API server. It knows of a cloud only what `CloudAccess` tells it.
- `images`: the layers of the hosts' file system.
- `engine`: the layer with the real vLLM.
- `system`: what a cloud needs of this machine: programs, memory, namespaces, networks.
- `locations`: a cloud's folders, addresses and ports.
- `errors`: the error that a user reads.
"""
