"""The error of the embedded cloud that its user reads."""


class CloudError(Exception):
    """The embedded cloud cannot do what was asked; the message is one line with the way out."""
