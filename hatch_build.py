"""What a package index shows: the README with absolute links, and the project's addresses.

PACKAGE_REPOSITORY is the address of the repository, such as https://git.example.com/team/name. The
release workflow sets it. Without it the README has no links to files, and the project no addresses.
"""

import os
import pathlib
import re
import typing

from hatchling.metadata.plugin.interface import MetadataHookInterface

VARIABLE = "PACKAGE_REPOSITORY"


class Index(MetadataHookInterface):  # type: ignore[misc]  # hatchling is untyped
    """The hook that hatchling calls for the metadata that pyproject.toml calls dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata: dict[str, typing.Any]) -> None:
        """Add the README and the addresses."""
        repository = os.environ.get(VARIABLE, "").rstrip("/")
        tree = repository and f"{repository}/blob/v{metadata['version']}"
        text = (pathlib.Path(self.root) / "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, tree)}
        metadata["urls"] = addresses(repository, tree)


def absolute(text: str, tree: str) -> str:
    """Return Markdown whose links to files lead into `tree`.

    Without a tree they are plain text, and pictures are left out.
    """
    picture = re.compile(r"!\[([^]]+)\]\((?![a-z]+://)([^)\s]+)\)")
    text = picture.sub(rf"![\1]({tree}/\2?raw=true)" if tree else "", text)
    link = re.compile(r"(?<!!)\[([^]]+)\]\((?!#|[a-z]+://)([^)\s]+)\)")
    return link.sub(rf"[\1]({tree}/\2)" if tree else r"\1", text)


def addresses(repository: str, tree: str) -> dict[str, str]:
    """Return the addresses that the index lists beside the README."""
    if not repository:
        return {}
    return {
        "Source": repository,
        "Documentation": f"{tree}/README.md#documentation",
        "Changelog": f"{tree}/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
