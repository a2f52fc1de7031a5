"""The process tree of one running cloud: `python -m local.supervisor`.

It runs in mount, pid and network namespaces of its own. Its first process only reaps (`__main__`).
Its second is the supervisor proper (`tree`): the network, the emulated AWS and its hosts, the
control port, and SkyPilot's API server as a child. When either ends, however it ends, the kernel
ends all the others and takes their mounts and network devices away. `isolation` gives the tree
files of its own; `control_port` is the HTTP side of what `tree` lets others see and do.

Comes in: a `Location`, the layers of the hosts, and "go" on stdin once this machine is linked to
the network. Goes out: a cloud that answers `control.Cloud`, or one line in `Location.failure`. Who
calls it: `start_stop` starts it; from then on `control.Cloud` asks it over HTTP.
"""
