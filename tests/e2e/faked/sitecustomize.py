"""Read by Python as it starts: puts the fake into the process that Pulumi runs providers in."""

import sys

if "pulumi.dynamic" in sys.orig_argv:
    from tests.e2e import fake

    fake.install()
