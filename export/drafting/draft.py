"""A recipe that is not written yet, and its recipe.toml."""

import enum
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from registry.manifest import Quantization, QuantizationScheme

CHOSEN = "Chosen, not measured. A measured threshold comes with an evaluation.json instead of this."
Value = str | int | float | list[str]


class Scheme(enum.StrEnum):
    """The quantization schemes for checkpoints."""

    FP32 = QuantizationScheme.FP32
    FP16 = QuantizationScheme.FP16
    INT8_WEIGHT = QuantizationScheme.INT8_WEIGHT
    INT8_TOKEN = QuantizationScheme.INT8_TOKEN
    NBITS8 = QuantizationScheme.NBITS8
    NBITS4 = QuantizationScheme.NBITS4

    @property
    def quantization(self) -> Quantization:
        """With as many bits as it is mostly used with."""
        bits, activation_bits = {
            Scheme.FP32: (32, None),
            Scheme.FP16: (16, None),
            Scheme.INT8_WEIGHT: (8, None),
            Scheme.INT8_TOKEN: (8, 8),
            Scheme.NBITS8: (8, None),
            Scheme.NBITS4: (4, None),
        }[self]
        scheme = QuantizationScheme(self.value)
        return Quantization(scheme=scheme, bits=bits, activation_bits=activation_bits)


@dataclass(frozen=True)
class Windows:
    """Ids of a window with its special tokens; content tokens; how far the next one is."""

    max_tokens: int
    tokens: int
    stride: int
    pooling: str


@dataclass(frozen=True)
class ClassifierTerms:
    """A fine-tuned classifier; `ai_label` is null where its labels say it."""

    base: str
    revision: str | None
    ai_label: str | None

    def source(self) -> dict[str, Value]:
        """Of the table [source]."""
        given = {"base": self.base, "revision": self.revision, "ai_label": self.ai_label}
        return {"kind": "encoder", **{name: v for name, v in given.items() if v is not None}}

    def members(self) -> tuple[dict[str, Value], ...]:
        """None."""
        return ()


@dataclass(frozen=True)
class EnsembleTerms:
    """Names of members, and the folders of their recipes as seen from the ensemble's."""

    recipes: Mapping[str, str]

    def source(self) -> dict[str, Value]:
        """Of the table [source]."""
        return {"kind": "ensemble"}

    def members(self) -> tuple[dict[str, Value], ...]:
        """A table [[source.members]] each."""
        return tuple(
            {"name": name, "kind": "recipe", "recipe": folder}
            for name, folder in self.recipes.items()
        )


@dataclass(frozen=True)
class Draft:
    """What a recipe says; `terms` is where the model comes from."""

    model_id: str
    version: str
    terms: ClassifierTerms | EnsembleTerms
    reference: str
    licence: str
    attribution: str
    normalizer: str
    windows: Windows
    threshold: float
    scheme: Scheme
    variants: tuple[Scheme, ...]

    def to_toml(self) -> str:
        """The text of recipe.toml."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        named = {"model_id": self.model_id, "version": self.version, "task": "ai-text-detection"}
        yield from _pairs({**named, "labels": ["human", "ai"]})
        yield from _table(
            "source",
            {
                **self.terms.source(),
                "reference": self.reference,
                "licence": self.licence,
                "attribution": self.attribution,
            },
        )
        for member in self.terms.members():
            yield from _table("[source.members]", member)
        windows = self.windows
        spec: dict[str, Value] = {"normalizer": self.normalizer, "max_tokens": windows.max_tokens}
        yield from _table("input", spec)
        cut = dict[str, Value](tokens=windows.tokens, stride=windows.stride)
        yield from _table("input.window", cut | {"pooling": windows.pooling})
        yield from _table("decision", {"threshold": self.threshold}, CHOSEN)
        yield from _table("quantization", _terms(self.scheme))
        for scheme in self.variants:
            yield from _table(f"variants.{scheme}", _terms(scheme))
        yield ""


def _terms(scheme: Scheme) -> dict[str, Value]:
    return scheme.quantization.model_dump(mode="json", exclude_defaults=True)


def _table(name: str, values: Mapping[str, Value], comment: str | None = None) -> Iterator[str]:
    yield ""
    if comment:
        yield f"# {comment}"
    yield f"[{name}]"
    yield from _pairs(values)


def _pairs(values: Mapping[str, Value]) -> Iterator[str]:
    # Strings, numbers and arrays are written in TOML as in JSON, but for U+007F.
    for name, value in values.items():
        yield f"{name} = {json.dumps(value, ensure_ascii=False)}".replace("\x7f", "\\u007f")
