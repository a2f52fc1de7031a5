"""The texts that people read of a plan and of a preview: tables, bars, and Markdown.

Pure. summary.py puts plan, fit and cost of a stack's deployments together. preview_json.py reads
what `pulumi preview --json` prints, and markdown.py writes a report of it for a pull request.
wording.py has the short forms that they share. The program and the command line call this room.
"""
