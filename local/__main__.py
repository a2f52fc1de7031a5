"""`python -m local`: the embedded cloud's command."""

import sys

from . import command_line

sys.exit(command_line.main())
