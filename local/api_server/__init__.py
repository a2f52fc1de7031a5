"""SkyPilot's API server, run as a child of the supervisor.

`server_process` starts, watches and ends it. `home` writes what it reads from its HOME and makes
its environment from scratch, so that nothing of the user's gets in. `catalog` writes SkyPilot's
catalogue files, of which each cloud has some of its own. `plugins/` holds what the
server loads into itself (by PYTHONPATH, not as part of this package).

Comes in: a `Location`, the certificate of the internet's stand-in, and a `home.CloudAccess`: how to
find the one cloud that the server may use. Goes out: a healthy server at the location's API port.
Who calls it: `supervisor`; `aws` makes the `CloudAccess`, and a second cloud makes its own.
"""
