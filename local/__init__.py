"""The embedded cloud: AWS on this machine, for rehearsals and tests.

moto answers the AWS API, each instance is a host of its own (namespaces, overlay file system,
sshd), and SkyPilot runs unchanged against it.
"""
