"""What mkdocs calls while it builds the site. It runs in an environment with mkdocs alone."""

import os
import pathlib
import sys
import typing

from mkdocs.structure import files as mkdocs_files
from pymdownx import slugs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from scripts import site_pages  # mkdocs loads this file by its path


def on_config(config: typing.Any) -> None:
    """Make anchors as GitHub makes them."""
    config.mdx_configs["toc"]["slugify"] = slugs.slugify(case="lower")


def on_files(files: typing.Any, config: typing.Any) -> None:
    """Add README.md as the first page."""
    home = mkdocs_files.File.generated(config, site_pages.HOME, content=site_pages.home())
    files.append(home)


def on_page_markdown(text: str, page: typing.Any, **_: typing.Any) -> str:
    """Return a page's Markdown for the site."""
    address = os.environ.get("PACKAGE_REPOSITORY", "").rstrip("/")
    repository = address and f"{address}/blob/main"
    return site_pages.for_site(text, page.file.src_uri, repository)
