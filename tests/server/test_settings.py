import re
from pathlib import Path

import pytest

from runtime_server.errors import SettingsError
from runtime_server.settings import Settings, load_settings

EXAMPLE = Path(__file__).resolve().parents[2] / ".env.example"


def test_the_defaults_are_those_that_are_documented(tmp_path: Path) -> None:
    defaults = load_settings()
    (tmp_path / ".env").write_text(EXAMPLE.read_text())
    assert load_settings() == defaults


def test_every_setting_is_documented_and_nothing_else() -> None:
    names = re.findall(r"^([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE)
    assert sorted(names) == sorted(name.upper() for name in Settings.model_fields)
    assert all(field.description for field in Settings.model_fields.values())


def test_the_environment_wins_over_the_file_and_an_argument_over_both(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("PORT=1\nMIN_TEXT_LENGTH=5\n")
    monkeypatch.setenv("PORT", "2")
    assert load_settings().port == 2
    assert load_settings(port=3, host=None).port == 3
    assert load_settings().min_text_length == 5


@pytest.mark.parametrize(
    ("text", "models"),
    [
        ("a,b@1.0", ("a", "b@1.0")),
        (" a , b ,", ("a", "b")),
        ('["a", "b"]', ("a", "b")),
        ("", ()),
        ("[]", ()),
    ],
)
def test_available_models_is_a_comma_list_or_a_json_list(
    monkeypatch: pytest.MonkeyPatch, text: str, models: tuple[str, ...]
) -> None:
    monkeypatch.setenv("AVAILABLE_MODELS", text)
    assert tuple(item.model for item in load_settings().available_models) == models


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "eighty", "0 to 65535"),
        ("PORT", "70000", "0 to 65535"),
        ("WORKERS", "0", "1 to 64"),
        ("DEFAULT_INFERENCE_BACKEND", "moon", "'local', 'modal' or 'client_side'"),
        ("ALLOW_MODAL_INFERENCE", "perhaps", "true or false"),
        ("VPS_CPU_MEMORY_GB", "-1", "0 or more"),
        ("VPS_GPU_MEMORY_GB", "nan", "0 or more"),
        ("AVAILABLE_MODELS", "[a", "JSON list"),
        ("CORS_ORIGINS", "example.org", "https://example.org"),
        ("MAX_TEXT_LENGTH", "0", "1 or more"),
    ],
)
def test_a_bad_value_is_one_message_that_names_the_variable_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert allowed in message
    assert "\n" not in message


def test_limits_that_exclude_each_other_are_named_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIN_TEXT_LENGTH", "9")
    monkeypatch.setenv("MAX_TEXT_LENGTH", "8")
    with pytest.raises(SettingsError, match=r"MIN_TEXT_LENGTH is 9.*MAX_TEXT_LENGTH, 8"):
        load_settings()
