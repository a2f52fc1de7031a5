"""The error of the embedded cloud that its user reads."""


class CloudError(Exception):
    """What keeps an embedded cloud from doing what was asked: one line, with the way out."""
