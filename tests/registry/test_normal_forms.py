import pytest

from registry.normal_forms import NORMALIZERS, identity


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("", ""),
        (" Two  Spaces\n\u00c5\u0041\u030a ", " Two  Spaces\n\u00c5\u0041\u030a "),
        ("a\0b", "a b"),
        ("\ud800", "\ufffd"),
        ("x\udfffy\udc00", "x\ufffdy\ufffd"),
        ("\ud83d\ude00", "\U0001f600"),
        ("\U0001f600\ufeff", "\U0001f600\ufeff"),
    ],
    ids=ascii,
)
def test_identity_changes_only_what_is_not_well_formed(text: str, form: str) -> None:
    assert identity(text) == form
    assert identity(form) == form
    form.encode("utf-8", "strict")


def test_both_normalizers_of_a_manifest_are_there() -> None:
    assert set(NORMALIZERS) == {"norm-1", "identity"}
