"""What people read of a plan and of a preview: tables, bars, and Markdown for a pull request.

Pure. summary.py puts plan, fit and cost of a stack's deployments together; preview_json.py reads
what `pulumi preview --json` prints; markdown.py writes the report of it. wording.py has the short
forms that they share. The program and the command line call this room.
"""
