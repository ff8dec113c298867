"""Reports of results: Markdown, and one HTML file that needs nothing else."""

from pathlib import Path

from benchmarks.measurement import Results
from benchmarks.report.markdown import markdown
from registry.whole_file import write_whole


def write_reports(results: Results, path: Path) -> None:
    """Beside `path`, the results' own file."""
    write_whole(path.with_suffix(".md"), markdown(results).encode())
