"""Read by Python as it starts: lets the process that Pulumi runs providers in be held at a call."""

import sys

if "pulumi.dynamic" in sys.orig_argv:
    from tests.e2e import hold

    hold.install()
