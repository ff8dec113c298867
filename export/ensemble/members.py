"""What a member of an ensemble offers: its tokens, its features, and a graph that gives them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import helper, numpy_helper
from transformers import PretrainedConfig

from export.causal_lm.base import CausalLM
from export.causal_lm.features import FEATURES as TEXT_FEATURES
from export.causal_lm.scoring import Scorer
from export.encoder.base import EncoderBase, load_base
from export.encoder.classifier import LayerMeans
from export.ensemble.merge import FEATURES
from export.ensemble.token_ngrams import ORDERS, TokenNgrams
from export.errors import RecipeError
from export.inference import Feeds, Float32s
from export.provenance import onnxruntime_version
from export.recipe import (
    ArtifactMember,
    CausalLMMember,
    EncoderMember,
    RecipeMember,
    TokenNgramsMember,
    read_recipe,
)
from export.sources.source import SourceModel
from export.torch_to_onnx import torch_to_onnx
from registry.manifest import (
    MANIFEST_FILE,
    MODEL_FILE,
    TOKENIZER_FILE,
    InputSpec,
    Manifest,
    Normalizer,
    SpecialTokens,
)

# Beyond this, float32 cannot tell a probability from 0 or 1, and log-odds say nothing.
CLIP = 1e-6


@dataclass(frozen=True)
class MemberTokens:
    """How a member reads a text."""

    tokenizer: bytes
    normalizer: Normalizer
    special_tokens: SpecialTokens
    max_tokens: int

    def same_ids_as(self, other: "MemberTokens") -> bool:
        """Whether both give the same ids, framed the same way."""
        return (self.tokenizer, self.normalizer, self.special_tokens) == (
            other.tokenizer,
            other.normalizer,
            other.special_tokens,
        )


class MemberModel(Protocol):
    """A model that gives features float32[N, width] of input_ids, attention_mask int64[N, T]."""

    @property
    def tokens(self) -> MemberTokens:
        """How it reads a text."""
        ...

    @property
    def reference(self) -> str:
        """The framework whose features are the reference, with its version."""
        ...

    @property
    def is_log_odds(self) -> bool:
        """Whether its one feature is log-odds, which can be averaged."""
        ...

    @property
    def width(self) -> int:
        """How many features it gives."""
        ...

    def features(self, feeds: Feeds) -> Float32s:
        """The framework's own features of one batch, float32[N, width]."""
        ...

    def to_onnx(self) -> onnx.ModelProto:
        """The graph with the output `features`. Raises ConversionError."""
        ...


class TorchFeatures(MemberModel, Protocol):
    """A member whose features are those of a module in torch."""

    @property
    def reference(self) -> str:
        """Torch and its version."""
        return f"torch {torch.__version__} fp32"

    @property
    def is_log_odds(self) -> bool:
        """No: several features."""
        return False


@dataclass(frozen=True)
class EncoderMeans(TorchFeatures):
    """The masked means of all layers of an encoder."""

    base: EncoderBase
    member: EncoderMember

    @classmethod
    def load(cls, member: EncoderMember, folder: Path) -> Self:
        """Raises RecipeError."""
        base = load_base(member.base, max_tokens=member.max_tokens, relative_to=folder)
        return cls(base, member)

    @property
    def tokens(self) -> MemberTokens:
        """The base's tokenizer, without truncation and padding."""
        own = self.base.tokenizer
        return MemberTokens(
            own.json, self.member.normalizer, own.special_tokens, self.member.max_tokens
        )

    @property
    def width(self) -> int:
        """A mean for the embedding and for each layer."""
        return _means(self.base.model.config)

    def features(self, feeds: Feeds) -> Float32s:
        """float32[N, layers * width]."""
        ids, mask = (torch.from_numpy(feeds[name]) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            return np.asarray(LayerMeans(self.base.model).eval()(ids, mask).numpy())

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return torch_to_onnx(LayerMeans(self.base.model).eval(), (FEATURES,))


@dataclass(frozen=True)
class LanguageModelFeatures(TorchFeatures):
    """The means of all layers of a causal language model, and its features of a text."""

    base: CausalLM
    member: CausalLMMember

    @classmethod
    def load(cls, member: CausalLMMember) -> Self:
        """Raises RecipeError."""
        return cls(CausalLM.load(member.base), member)

    @property
    def tokens(self) -> MemberTokens:
        """The base's tokenizer."""
        base, member = self.base, self.member
        return MemberTokens(
            base.tokenizer, member.normalizer, base.special_tokens, member.max_tokens
        )

    @property
    def width(self) -> int:
        """A mean for the embedding and for each layer, and FEATURES of a text."""
        return _means(self.base.model.config) + len(TEXT_FEATURES)

    def features(self, feeds: Feeds) -> Float32s:
        """float32[N, (layers + 1) * width + F]."""
        ids, mask = (torch.from_numpy(feeds[name]) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            (features,) = self._scorer()(ids, mask)
        return np.asarray(features.numpy())

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return self._scorer().to_onnx()

    def _scorer(self) -> Scorer:
        return Scorer(self.base.model, (FEATURES,)).eval()


@dataclass(frozen=True)
class TokenNgramFeatures(TorchFeatures):
    """Evidence of n-grams of another member's token ids, one number for each order."""

    ngrams: TokenNgrams
    read: MemberTokens

    @classmethod
    def load(cls, member: TokenNgramsMember, weights: Path | None, read: MemberTokens) -> Self:
        """Raises RecipeError."""
        if weights is None:
            raise RecipeError(
                f"source.weights is missing: member {member.name} has its tables there"
            )
        return cls(TokenNgrams.load(weights, member.name, read.special_tokens), read)

    @property
    def tokens(self) -> MemberTokens:
        """Those of the other member."""
        return self.read

    @property
    def width(self) -> int:
        """One for each order."""
        return ORDERS

    def features(self, feeds: Feeds) -> Float32s:
        """float32[N, ORDERS]."""
        ids, mask = (torch.from_numpy(feeds[name]) for name in ("input_ids", "attention_mask"))
        with torch.inference_mode():
            return np.asarray(self.ngrams(ids, mask).numpy())

    def to_onnx(self) -> onnx.ModelProto:
        """Through torch.onnx."""
        return torch_to_onnx(self.ngrams.eval(), (FEATURES,))


@dataclass(frozen=True)
class RecipeLogOdds(MemberModel):
    """The log-odds of another recipe's model, in its own framework."""

    source: SourceModel

    @classmethod
    def load(cls, member: RecipeMember, folder: Path) -> Self:
        """Raises RecipeError."""
        # Imported here: loading knows all kinds, this one among them.
        from export.sources.loading import load_source

        source = load_source(read_recipe((folder / member.recipe).resolve()))
        _require_one_encoding(source.input, member.name)
        return cls(source)

    @property
    def tokens(self) -> MemberTokens:
        """Those of the recipe."""
        return _tokens(self.source.input, self.source.tokenizers)

    @property
    def reference(self) -> str:
        """That of the recipe."""
        return self.source.reference

    @property
    def is_log_odds(self) -> bool:
        """Yes."""
        return True

    @property
    def width(self) -> int:
        """One."""
        return 1

    def features(self, feeds: Feeds) -> Float32s:
        """float32[N, 1]."""
        return log_odds(self.source.run(feeds))

    def to_onnx(self) -> onnx.ModelProto:
        """The recipe's graph, unquantized, with log-odds at its end."""
        return with_log_odds(self.source.to_onnx())


@dataclass(frozen=True)
class ArtifactLogOdds(MemberModel):
    """The log-odds of a built artifact: its graph as it is, quantized or not."""

    folder: Path
    manifest: Manifest
    session: ort.InferenceSession

    @classmethod
    def load(cls, member: ArtifactMember, recipe_folder: Path) -> Self:
        """Raises RecipeError."""
        folder = (recipe_folder / member.artifact).resolve()
        try:
            manifest = Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())
        except (OSError, ValueError) as exc:
            raise RecipeError(f"member {member.name}: {folder} is no artifact: {exc}") from exc
        _require_one_encoding(manifest.input, member.name)
        session = ort.InferenceSession(folder / MODEL_FILE, providers=["CPUExecutionProvider"])
        return cls(folder, manifest, session)

    @property
    def tokens(self) -> MemberTokens:
        """Those of the artifact."""
        return _tokens(
            self.manifest.input, {TOKENIZER_FILE: (self.folder / TOKENIZER_FILE).read_bytes()}
        )

    @property
    def reference(self) -> str:
        """The runtime, and which artifact."""
        return f"onnxruntime {onnxruntime_version()} on {self.manifest.reference}"

    @property
    def is_log_odds(self) -> bool:
        """Yes."""
        return True

    @property
    def width(self) -> int:
        """One."""
        return 1

    def features(self, feeds: Feeds) -> Float32s:
        """float32[N, 1]."""
        (probability,) = self.session.run(["probability"], dict(feeds))
        return log_odds(np.asarray(probability))

    def to_onnx(self) -> onnx.ModelProto:
        """The artifact's graph with log-odds at its end."""
        return with_log_odds(onnx.load(self.folder / MODEL_FILE))


def _means(config: PretrainedConfig) -> int:
    return (int(config.num_hidden_layers) + 1) * int(config.hidden_size)


def log_odds(probability: Float32s) -> Float32s:
    """log(p / (1 - p)) float32[N, 1] of probabilities float32[N], clipped to [CLIP, 1 - CLIP]."""
    clipped = np.clip(probability, np.float32(CLIP), np.float32(1 - CLIP))
    return np.asarray(np.log(clipped / (1 - clipped)), dtype=np.float32)[:, None]


def with_log_odds(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the one output `features` float32[N, 1] instead of its own, in place."""
    graph = model.graph
    constants = {"low": CLIP, "high": 1 - CLIP, "one": 1.0}
    graph.initializer.extend(
        numpy_helper.from_array(np.array(value, np.float32), f"log_odds/{name}")
        for name, value in constants.items()
    )
    last = numpy_helper.from_array(np.array([-1], np.int64), "log_odds/last")
    graph.initializer.append(last)
    names = [f"log_odds/{name}" for name in ("clipped", "rest", "odds", "log")]
    graph.node.extend(
        [
            helper.make_node("Clip", ["probability", "log_odds/low", "log_odds/high"], names[:1]),
            helper.make_node("Sub", ["log_odds/one", names[0]], [names[1]]),
            helper.make_node("Div", names[:2], [names[2]]),
            helper.make_node("Log", [names[2]], [names[3]]),
            helper.make_node("Unsqueeze", [names[3], "log_odds/last"], [FEATURES]),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(FEATURES, onnx.TensorProto.FLOAT, ["N", 1]))
    return model


def _tokens(spec: InputSpec, tokenizers: Mapping[str, bytes]) -> MemberTokens:
    if spec.special_tokens is None or spec.max_tokens is None:
        raise ValueError("only an input of kind tokens has special_tokens")
    content = tokenizers[TOKENIZER_FILE]
    return MemberTokens(content, spec.normalizer, spec.special_tokens, spec.max_tokens)


def _require_one_encoding(spec: InputSpec, name: str) -> None:
    if spec.kind == "text":
        raise RecipeError(f"member {name} reads text; members of an ensemble read tokens")
    if spec.companions:
        raise RecipeError(f"member {name} is an ensemble of several tokenizers; name its members")
