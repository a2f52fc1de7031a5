"""`python -m local`: the embedded cloud's command."""

import sys

from . import cli

sys.exit(cli.main())
