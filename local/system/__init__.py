"""An embedded cloud's needs of this machine: programs, memory, namespaces, networks.

`requirements` says what is missing before anything is started. `processes` runs programs, lists
them and counts their memory. `network` makes the cloud's bridge and connects this machine and the
hosts to it. `internet` stands in for the internet, which the cloud does not have.

Comes in: a `Location`, process ids. Goes out: namespaces that are connected, or an error in one
line. Who calls it: `start_stop` (from this machine's side), `supervisor` and `aws` (from inside).
Nothing here knows SkyPilot's clouds: what emulates another one uses it as it is.
"""
