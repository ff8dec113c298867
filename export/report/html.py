"""How templates of reports become pages that need nothing else."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from export.report.formats import FILTERS


def html_environment(folder: Path) -> Environment:
    """Of a folder's templates, with FILTERS. Whatever is put in is escaped."""
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    return environment
