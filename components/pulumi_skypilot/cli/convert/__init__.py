"""cli/convert."""
