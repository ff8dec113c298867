"""What an artifact is built from: a digest of all its inputs, and the commit they are from."""

import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from export.causal_lm.location import find_weights
from export.encoder.location import checkpoint_files, checkpoint_folder
from export.errors import RecipeError
from export.evaluation import EVALUATION_FILE
from export.recipe import (
    RECIPE_FILE,
    ArtifactMember,
    CausalLMSource,
    EncoderMember,
    EncoderSource,
    EnsembleSource,
    Recipe,
    RecipeMember,
    SklearnSource,
    read_recipe,
)
from export.web_runtime import onnxruntime_web_version
from registry import sha256_of_file
from registry.digest import sha256_of_json
from registry.manifest import MANIFEST_FILE, Provenance

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ("numpy", "onnx", "scikit-learn", "skl2onnx")
TORCH_TOOLS = (
    "onnx-ir",
    "onnxscript",
    "optimum",
    "optimum-onnx",
    "tokenizers",
    "torch",
    "transformers",
)
GGUF_TOOLS = ("accelerate", "gguf")
_CODE = {".mjs", ".py"}
# Folders of export/ that shape no artifact. Training writes the recipe's files, which are inputs.
_NOT_BUILDING = {"commands", "drafting", "jobs", "published", "recipes", "report", "training"}


def provenance(recipe: Recipe) -> Provenance:
    """Tools, inputs and commit of a build of this recipe, now."""
    return Provenance(
        tool_versions=tool_versions(recipe),
        source_digest=source_digest(recipe),
        git_commit=git_commit(),
    )


def tool_versions(recipe: Recipe) -> dict[str, str]:
    """The installed version of each tool that shapes the recipe's artifact. Raises RecipeError."""
    try:
        versions = {name: version(name) for name in _tools(recipe)}
    except PackageNotFoundError as exc:
        raise RecipeError(
            f"{recipe.model_id} needs {exc.name}, which is not installed: `make export` installs it"
        ) from None
    versions["onnxruntime"] = onnxruntime_version()
    web = onnxruntime_web_version()
    return versions if web is None else {**versions, "onnxruntime-web": web}


def _tools(recipe: Recipe) -> tuple[str, ...]:
    match recipe.source:
        case SklearnSource():
            return TOOLS
        case CausalLMSource():
            return (*TOOLS, *TORCH_TOOLS, *GGUF_TOOLS)
        case _:
            return (*TOOLS, *TORCH_TOOLS)


def onnxruntime_version() -> str:
    """The version of onnxruntime, whichever of its two distributions is installed."""
    try:
        return version("onnxruntime")
    except PackageNotFoundError:
        return version("onnxruntime-gpu")


def source_digest(recipe: Recipe) -> str:
    """sha256 over everything that the recipe's artifact is built from."""
    return sha256_of_json({group: {**values} for group, values in build_inputs(recipe).items()})


def build_inputs(recipe: Recipe) -> dict[str, dict[str, str]]:
    """Options, sha256 of the recipe's files and of the build's code, and the tools' versions."""
    paths = (recipe.folder / RECIPE_FILE, recipe.folder / EVALUATION_FILE, recipe.weights)
    return {
        "options": {"model_id": recipe.model_id, "external_data": str(recipe.external_data)},
        "recipe": {path.name: _digest(path) for path in paths if path and path.is_file()},
        "base": _own_base_digests(recipe),
        "members": _member_digests(recipe),
        "code": {str(path.relative_to(ROOT)): _digest(path) for path in _code_files()},
        "tools": tool_versions(recipe),
    }


def _member_digests(recipe: Recipe) -> dict[str, str]:
    """What an ensemble's members are built from: other recipes, and artifacts."""
    if not isinstance(recipe.source, EnsembleSource):
        return {}
    digests = {}
    for member in recipe.source.members:
        if isinstance(member, EncoderMember):
            digests[member.name] = sha256_of_json({**_base_digests(member.base, recipe.folder)})
        if isinstance(member, RecipeMember):
            digests[member.name] = source_digest(read_recipe(recipe.folder / member.recipe))
        if isinstance(member, ArtifactMember):
            manifest = recipe.folder / member.artifact / MANIFEST_FILE
            if not manifest.is_file():
                raise RecipeError(f"member {member.name}: {manifest} is missing; build it first")
            digests[member.name] = _digest(manifest)
    return digests


def _own_base_digests(recipe: Recipe) -> dict[str, str]:
    match recipe.source:
        case EncoderSource() as source:
            return _base_digests(source.base, recipe.folder, source.revision)
        case CausalLMSource() as source:
            files = find_weights(source.base, recipe.folder)
            return {path.name: _digest(path) for path in files.decisive}
        case _:
            return {}


def _base_digests(base: str, relative_to: Path, revision: str | None = None) -> dict[str, str]:
    """A re-trained checkpoint in the same folder is another source."""
    folder = checkpoint_folder(base, relative_to, revision)
    return {path.name: _digest(path) for path in checkpoint_files(folder)}


def _digest(path: Path) -> str:
    """sha256 of the file, read once for all recipes and variants that share it."""
    stat = path.stat()
    return _digest_of_state(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest_of_state(path: Path, _size: int, _changed: int) -> str:
    return sha256_of_file(path)


def _code_files() -> list[Path]:
    export, registry = ROOT / "export", ROOT / "registry"
    building = (f for f in export.iterdir() if f.is_dir() and f.name not in _NOT_BUILDING)
    inner = (path for folder in building for path in folder.rglob("*"))
    code = (p for p in (*inner, *export.iterdir(), *registry.iterdir()) if p.suffix in _CODE)
    return sorted([p for p in code if p.name != "__main__.py"] + [registry / "norm1_table.json"])


@cache
def git_commit() -> str | None:
    """The last commit that changed export/ or registry/, "-dirty" if files there differ from it."""
    commit = _git("log", "-1", "--format=%H", "--", "export", "registry")
    if not commit:
        return None
    return (
        f"{commit}-dirty" if _git("status", "--porcelain", "--", "export", "registry") else commit
    )


def _git(*arguments: str) -> str | None:
    try:
        completed = subprocess.run(  # noqa: S603
            ["git", *arguments],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    except FileNotFoundError:
        return None
    return completed.stdout.strip() if completed.returncode == 0 else None
