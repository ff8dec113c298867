"""What the training commands share."""

from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console

from export.errors import DatasetError
from export.training.dataset import Dataset, read_dataset


def read_or_exit(data: Path, normalize: Callable[[str], str], console: Console) -> Dataset:
    """The data set; one line and exit status 1 where it cannot be read."""
    try:
        return read_dataset(data, normalize)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
