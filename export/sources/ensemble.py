"""Several models in one graph, with one logistic head over what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import onnx
from safetensors import SafetensorError
from safetensors.numpy import load_file

from export.ensemble.members import (
    ArtifactLogOdds,
    EncoderMeans,
    LanguageModelFeatures,
    MemberModel,
    MemberTokens,
    RecipeLogOdds,
    TokenNgramFeatures,
)
from export.ensemble.merge import EnsembleHead, Part, merged
from export.errors import RecipeError
from export.inference import Feeds, Float32s
from export.recipe import (
    ArtifactMember,
    CausalLMMember,
    EncoderMember,
    EnsembleSource,
    Member,
    Recipe,
    RecipeInput,
    RecipeMember,
    TokenNgramsMember,
)
from export.sources.source import SourceModel
from registry.manifest import TOKENIZER_FILE, Companion, InputSpec, OutputSpec

INPUTS = ("input_ids", "attention_mask")


@dataclass(frozen=True)
class NamedMember:
    """A member, and what stands before the names of the inputs that it reads."""

    name: str
    model: MemberModel
    prefix: str

    def feeds(self, feeds: Feeds) -> Feeds:
        """What the member reads of the ensemble's feeds."""
        return {name: feeds[f"{self.prefix}{name}"] for name in INPUTS}

    def part(self) -> Part:
        """Its graph. Raises ConversionError."""
        inputs = {name: f"{self.prefix}{name}" for name in INPUTS}
        return Part(self.name, self.model.to_onnx(), inputs)


@dataclass(frozen=True)
class Ensemble(SourceModel):
    """Members in their own frameworks, and the head."""

    members: tuple[NamedMember, ...]
    head: EnsembleHead
    spec: InputSpec

    @classmethod
    def load(cls, recipe: Recipe, source: EnsembleSource) -> Self:
        """Members and head. Raises RecipeError."""
        names = [member.name for member in source.members]
        if len(set(names)) != len(names):
            raise RecipeError("source.members: a name is given twice")
        models: list[MemberModel] = []
        for member in source.members:
            models.append(_member(member, recipe, dict(zip(names, models, strict=False))))
        spec = _input_spec(recipe.input, names, [model.tokens for model in models])
        prefixes = _prefixes(names, [model.tokens for model in models])
        members = tuple(map(NamedMember, names, models, prefixes))
        if recipe.weights:
            head = load_head(recipe.weights)
            _require_fitting_head(head, members, recipe.weights)
            return cls(members, head, spec)
        return cls(members, _average(members), spec)

    @property
    def reference(self) -> str:
        """Those of the members."""
        return ", ".join(dict.fromkeys(member.model.reference for member in self.members))

    @property
    def input(self) -> InputSpec:
        """The first member's tokens in windows, and companions for members of other tokenizers."""
        return self.spec

    @property
    def outputs(self) -> tuple[OutputSpec, ...]:
        """The probability alone."""
        return (OutputSpec(name="probability", dtype="float32", shape=("N",)),)

    @property
    def tokenizers(self) -> Mapping[str, bytes]:
        """One for each encoding."""
        first = {TOKENIZER_FILE: self.members[0].model.tokens.tokenizer}
        by_name = {member.name: member.model.tokens.tokenizer for member in self.members}
        return first | {other.tokenizer: by_name[other.name] for other in self.spec.companions}

    def run(self, feeds: Feeds) -> Float32s:
        """P(AI) of one batch of windows, float32[N]."""
        features = [member.model.features(member.feeds(feeds)) for member in self.members]
        return self.head(np.concatenate(features, axis=1))

    def to_onnx(self) -> onnx.ModelProto:
        """The members' graphs, merged."""
        return merged((member.part() for member in self.members), self.head)


def load_head(path: Path) -> EnsembleHead:
    """head.mean, head.weight float32[width], head.bias float32[]. Raises RecipeError."""
    try:
        tensors = load_file(path)
        return EnsembleHead(*(tensors[f"head.{name}"] for name in ("mean", "weight", "bias")))
    except (SafetensorError, KeyError, OSError) as exc:
        raise RecipeError(f"{path} does not hold an ensemble's head: {exc!r}") from exc


def _require_fitting_head(head: EnsembleHead, members: Sequence[NamedMember], path: Path) -> None:
    widths = {member.name: member.model.width for member in members}
    if head.weight.shape != (sum(widths.values()),):
        given = " + ".join(f"{width} of {name}" for name, width in widths.items())
        raise RecipeError(
            f"{path}: a head over {len(head.weight)} features, but the members give {given}; "
            "train it again on these members"
        )


def _member(member: Member, recipe: Recipe, earlier: Mapping[str, MemberModel]) -> MemberModel:
    folder = recipe.folder
    match member:
        case EncoderMember():
            return EncoderMeans.load(member, folder)
        case TokenNgramsMember():
            if member.of not in earlier:
                raise RecipeError(
                    f"member {member.name} reads the tokens `of` {member.of!r}, which is none of "
                    f"the members before it ({', '.join(earlier) or 'there are none'})"
                )
            return TokenNgramFeatures.load(member, recipe.weights, earlier[member.of].tokens)
        case CausalLMMember():
            return LanguageModelFeatures.load(member)
        case RecipeMember():
            return RecipeLogOdds.load(member, folder)
        case ArtifactMember():
            return ArtifactLogOdds.load(member, folder)


def _average(members: Sequence[NamedMember]) -> EnsembleHead:
    """The mean of the members' log-odds."""
    others = [member.name for member in members if not member.model.is_log_odds]
    if others:
        raise RecipeError(
            f"source.weights is missing: member {others[0]} gives features, not log-odds, and only "
            "a trained head can weigh them"
        )
    weight = np.full(len(members), 1 / len(members), dtype=np.float32)
    return EnsembleHead(np.zeros_like(weight), weight, np.array(0, dtype=np.float32))


def _prefixes(names: Sequence[str], tokens: Sequence[MemberTokens]) -> list[str]:
    """For each member "", or the name of the first that reads the same ids."""
    owners = [next(i for i, other in enumerate(tokens) if own.same_ids_as(other)) for own in tokens]
    return ["" if owner == 0 else f"{names[owner]}_" for owner in owners]


def _input_spec(
    given: RecipeInput, names: Sequence[str], tokens: Sequence[MemberTokens]
) -> InputSpec:
    first = tokens[0]
    if given.normalizer != first.normalizer:
        raise RecipeError(
            f"input.normalizer is {given.normalizer!r}, but the first member, {names[0]}, reads "
            f"{first.normalizer!r}"
        )
    prefixes = _prefixes(names, tokens)
    companions = tuple(
        Companion(
            name=name,
            tokenizer=f"{name}.{TOKENIZER_FILE}",
            normalizer=own.normalizer,
            max_tokens=own.max_tokens,
            special_tokens=own.special_tokens,
        )
        for name, own, prefix in zip(names, tokens, prefixes, strict=True)
        if prefix == f"{name}_"
    )
    return InputSpec(
        kind="tokens",
        normalizer=given.normalizer,
        max_tokens=given.max_tokens,
        window=given.window,
        special_tokens=first.special_tokens,
        companions=companions,
    )
