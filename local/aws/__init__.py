"""The emulated AWS: moto's API, with a real host behind each instance.

`emulator` wraps moto: instances that run, stop, start and end are hosts that do. `equipment` is
what SkyPilot finds on such a host, `account` what a real AWS account has and moto's has not.
`instance_types` is the table of what can be had; `catalog_files` turns it into the files by which
SkyPilot knows types and prices.

Comes in: a `Location`, the layers of the hosts, a certificate for the internet's stand-in. Goes
out: the AWS API at the location's address, hosts on its bridge, and `equipment.server_access`, by
which an API server finds all that. Who calls it: `supervisor`; it makes and watches the `Emulator`.
"""
