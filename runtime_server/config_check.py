"""`--check-config`: what the server would start with, and whether it would."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from registry import Artifact, RegistryError
from runtime_server.catalogue import Catalogue
from runtime_server.engine import Engine
from runtime_server.local_engine import LocalEngine
from runtime_server.settings import Settings


@dataclass(frozen=True)
class Check:
    """An artifact, and what is wrong with its files."""

    artifact: Artifact
    damage: str | None


def check_config(console: Console, settings: Settings) -> bool:
    """Print the settings and the models, every file re-hashed; True if all is well.

    Raises:
        SettingsError, StartError: the registry does not hold what the settings name.
    """
    console.print(_settings_table(settings))
    catalogue = Catalogue.load(settings)
    engine = LocalEngine.of(settings)
    checks = tuple(Check(e.artifact, _damage(e.artifact)) for e in catalogue.entries)
    console.print(_models_table(checks, engine))
    for check in checks:
        if check.damage is not None:
            console.print(f"[red]damaged[/] {escape(check.damage)}", soft_wrap=True)
    healthy = all(check.damage is None for check in checks)
    console.print("[green]ok[/]" if healthy else "[red]not ok[/]")
    return healthy


def _settings_table(settings: Settings) -> Table:
    table = Table("setting", "value", "from")
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        source = "set" if name in settings.model_fields_set else "default"
        table.add_row(name.upper(), _shown(value), source)
    return table


def _models_table(checks: Sequence[Check], engine: Engine) -> Table:
    table = Table("model", "category", "MB", "files", "local backend")
    for check in checks:
        manifest = check.artifact.manifest
        state = engine.available(check.artifact)
        table.add_row(
            manifest.reference,
            manifest.size_category.value,
            f"{manifest.size_bytes / 1e6:.2f}",
            "ok" if check.damage is None else "damaged",
            "available" if state.ok else str(state.reason),
        )
    return table


def _damage(artifact: Artifact) -> str | None:
    try:
        artifact.verify()
    except (RegistryError, OSError) as exc:
        return str(exc)
    return None


def _shown(value: object) -> str:
    if value is None or value == ():
        return "-"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value)
