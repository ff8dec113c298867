"""report.html and report.json of a store."""

import json
from collections.abc import Sequence
from pathlib import Path

from export.report.rows import ReportRow, report_rows
from registry import FileStore
from registry.whole_file import write_whole

HTML_FILE = "report.html"
JSON_FILE = "report.json"
HERE = Path(__file__).resolve().parent


def write_report(store: FileStore, *, if_changed: bool = False) -> Path:
    """Write both files; with `if_changed` only where a figure is another. The page's path.

    Raises:
        ManifestError: an artifact of the store cannot be read.
    """
    rows = report_rows(store)
    page, data = store.root / HTML_FILE, store.root / JSON_FILE
    content = json.dumps([row.model_dump(mode="json") for row in rows], indent=2) + "\n"
    if if_changed and page.is_file() and data.is_file() and data.read_text("utf-8") == content:
        return page
    store.root.mkdir(parents=True, exist_ok=True)
    write_whole(page, render(rows).encode())
    write_whole(data, content.encode())
    return page


def render(rows: Sequence[ReportRow]) -> str:
    """The page, complete in itself. Whatever comes from a manifest is escaped."""
    # Imported here: a build that has nothing to do must not wait for it.
    from markupsafe import Markup

    from export.report.formats import share
    from export.report.html import html_environment
    from export.report.plot import plot

    environment = html_environment(HERE)
    style = Markup((HERE / "style.css").read_text("utf-8"))  # noqa: S704 (our own file)
    template = environment.get_template("page.html.j2")
    return template.render(rows=rows, plot=plot(rows), style=style, share=share)
