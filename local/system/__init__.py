"""An embedded cloud's needs of this machine: programs, memory, namespaces, networks.

`requirements` says what is missing before anything is started. `processes` runs programs, lists
them and counts their memory. `network` makes the cloud's bridge and connects this machine and the
hosts to it. `host` is a machine of a cloud (overlay file system, namespaces), and `cgroups` are the
control groups of its processes. `internet` stands in for the internet, which the cloud lacks.

Comes in: a `Location`, process ids. Goes out: namespaces that are connected, or an error in one
line. Who calls it: `start_stop` (from this machine's side), `supervisor`, `aws` and
`kubernetes` (from inside). Nothing here knows SkyPilot's clouds.
"""
