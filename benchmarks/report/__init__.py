"""Reports of results: Markdown, and one HTML file that needs nothing else."""

from pathlib import Path

from benchmarks.measurement import Results
from benchmarks.report.html import html
from benchmarks.report.markdown import markdown
from benchmarks.report.picture import picture
from registry.whole_file import write_whole


def write_reports(results: Results, path: Path) -> None:
    """Beside `path`, the results' own file: .md, .html and, once quality is known, .svg."""
    write_whole(path.with_suffix(".md"), markdown(results).encode())
    write_whole(path.with_suffix(".html"), html(results).encode())
    quality = results.suite("quality")
    if quality is not None and (drawn := picture(quality)):
        write_whole(path.with_suffix(".svg"), drawn.encode())
