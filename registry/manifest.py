"""What an artifact is: the one JSON document that exporter, server and browser share."""

import enum
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from packaging.version import InvalidVersion, Version
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, model_validator

from registry.digest import sha256_of_json

MANIFEST_FILE = "manifest.json"
MODEL_FILE = "model.onnx"
GOLDEN_FILE = "golden.jsonl"
TOKENIZER_FILE = "tokenizer.json"
MEGABYTE = 1_000_000


def _valid_version(text: str) -> str:
    try:
        Version(text)
    except InvalidVersion:
        raise ValueError(f"{text!r} is not a version such as 1.2.0") from None
    return text


Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SourceKind = Literal["sklearn", "encoder", "causal_lm", "ensemble"]
VARIANT_MARK = "+"
VariantName = Annotated[str, Field(pattern=r"^[a-z0-9_]+$", max_length=40)]
ModelId = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*(\+[a-z0-9_]+)?$", max_length=80)]
VersionText = Annotated[
    str,
    Field(pattern=r"^[0-9]+(\.[0-9]+)*[a-z0-9.+]*$", max_length=40),
    AfterValidator(_valid_version),
]
Normalizer = Literal["norm-1", "identity"]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=120)]
Probability = Annotated[float, Field(ge=0, le=1)]


class SizeCategory(enum.StrEnum):
    """How large an artifact is, all files together (MB = 10^6 bytes)."""

    TINY = "tiny"
    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"

    @classmethod
    def of(cls, size_bytes: int) -> "SizeCategory":
        """Tiny below 10 MB, small to 200, medium to 1000, large above."""
        if size_bytes < 10 * MEGABYTE:
            return cls.TINY
        if size_bytes <= 200 * MEGABYTE:
            return cls.SMALL
        return cls.MEDIUM if size_bytes <= 1000 * MEGABYTE else cls.LARGE


class Backend(enum.StrEnum):
    """Where a model can run."""

    LOCAL = "local"
    MODAL = "modal"
    CLIENT_SIDE = "client_side"


class QuantizationScheme(enum.StrEnum):
    """How weights are stored and multiplied."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8_WEIGHT = "int8_weight"
    NBITS8 = "nbits8"
    NBITS4 = "nbits4"
    GGUF_EXACT = "gguf_exact"
    INT8_TOKEN = "int8_token"  # noqa: S105
    INT8_DYNAMIC = "int8_dynamic"


# By scheme: (bits of a weight, bits of an activation).
_BITS: Mapping[QuantizationScheme, tuple[tuple[int, int | None], ...]] = {
    QuantizationScheme.FP32: ((32, None),),
    QuantizationScheme.FP16: ((16, None),),
    QuantizationScheme.INT8_WEIGHT: ((8, None),),
    QuantizationScheme.NBITS8: ((8, None),),
    QuantizationScheme.NBITS4: ((4, None),),
    QuantizationScheme.GGUF_EXACT: ((4, None), (8, None)),
    QuantizationScheme.INT8_TOKEN: ((8, 8), (7, 8), (8, 14)),
    QuantizationScheme.INT8_DYNAMIC: ((8, 8), (7, 8)),
}


class Frozen(BaseModel):
    """Immutable, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ArtifactFile(Frozen):
    """One file of an artifact."""

    path: FileName
    sha256: Sha256
    bytes: int = Field(ge=0)


class Window(Frozen):
    """How a text longer than the model is cut, in tokens, and how the parts are pooled."""

    tokens: int = Field(gt=0)
    stride: int = Field(gt=0)
    pooling: Literal["mean_logit", "mean_probability", "max_probability"]


class SpecialTokens(Frozen):
    """Token ids that frame a window, and the one that pads a batch."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    pad: int = Field(ge=0)

    @property
    def length(self) -> int:
        """How many ids frame a window."""
        return len(self.prefix) + len(self.suffix)

    def framed(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The ids as the graph reads them."""
        return (*self.prefix, *ids, *self.suffix)


class Companion(Frozen):
    """A further encoding of the same windows, for a graph whose members have other tokenizers.

    The graph reads it as `{name}_input_ids` and `{name}_attention_mask`.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40)]
    tokenizer: FileName
    normalizer: Normalizer
    max_tokens: int = Field(gt=0)
    special_tokens: SpecialTokens

    @model_validator(mode="after")
    def _has_room(self) -> Self:
        if self.special_tokens.length >= self.max_tokens:
            raise ValueError(f"companion {self.name}: special_tokens fill max_tokens")
        return self


class InputSpec(Frozen):
    """What the graph is fed with; docs/windows.md. All but the first two are null for text.

    `max_tokens` counts a window with its special tokens.
    """

    kind: Literal["text", "tokens"]
    normalizer: Normalizer
    max_tokens: int | None = Field(default=None, gt=0)
    window: Window | None = None
    special_tokens: SpecialTokens | None = None
    companions: tuple[Companion, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        terms = (self.max_tokens, self.window, self.special_tokens)
        if self.kind == "text" and any(term is not None for term in terms):
            raise ValueError("an input of kind text has no max_tokens, window or special_tokens")
        if self.kind == "text" and self.companions:
            raise ValueError("an input of kind text has no companions: they are cut by its windows")
        if len({companion.name for companion in self.companions}) != len(self.companions):
            raise ValueError("companions: a name is given twice")
        if self.kind == "tokens":
            self._require_fitting_window()
        return self

    @property
    def tokenizers(self) -> tuple[str, ...]:
        """The artifact's tokenizer files, the one that windows are counted in first."""
        if self.kind == "text":
            return ()
        return (TOKENIZER_FILE, *(companion.tokenizer for companion in self.companions))

    def _require_fitting_window(self) -> None:
        if self.max_tokens is None or self.window is None or self.special_tokens is None:
            raise ValueError("an input of kind tokens has max_tokens, window and special_tokens")
        frame = self.special_tokens.length
        if frame == 0:
            raise ValueError("special_tokens frame nothing: an empty text would have no ids")
        if self.window.tokens + frame > self.max_tokens:
            raise ValueError("window.tokens and special_tokens exceed max_tokens")
        if self.window.stride > self.window.tokens:
            raise ValueError("window.stride exceeds window.tokens: tokens would be skipped")


class OutputSpec(Frozen):
    """One output of the graph; a dimension is a number or a name such as N."""

    name: str
    dtype: Literal["float32", "int64"]
    shape: tuple[int | str, ...]


class OperatingPoint(Frozen):
    """A threshold, and the share of human texts that it was measured to flag at most."""

    max_false_positive_rate: Probability
    threshold: Probability


class Decision(Frozen):
    """From probability to label: 1 where probability >= threshold.

    `target_fpr` is the share of human texts that the threshold was measured to flag at most; null
    where the threshold was chosen without a measurement. `operating_points` are further thresholds,
    the strictest first. From `uncertain_from` on, up to the threshold, a text may well be either;
    with fewer than `min_words` words it is too short to judge. Both are null where not measured.
    """

    threshold: Probability
    target_fpr: Probability | None
    calibration: str
    operating_points: tuple[OperatingPoint, ...] = ()
    uncertain_from: Probability | None = None
    min_words: int | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        rates = [point.max_false_positive_rate for point in self.operating_points]
        thresholds = [point.threshold for point in self.operating_points]
        if rates != sorted(set(rates)) or thresholds != sorted(thresholds, reverse=True):
            raise ValueError("operating_points: a higher rate needs a threshold that is no higher")
        if self.uncertain_from is not None and self.uncertain_from > self.threshold:
            raise ValueError("uncertain_from is above the threshold")
        return self

    @property
    def measured_rates(self) -> tuple[float, ...]:
        """The false positive rates that there are thresholds for, the lowest first."""
        return tuple(sorted({point.max_false_positive_rate for point in self._points}))

    def threshold_for(self, max_false_positive_rate: float) -> float | None:
        """The lowest threshold measured to flag at most this share of human texts, if any."""
        fitting = (
            point.threshold
            for point in self._points
            if point.max_false_positive_rate <= max_false_positive_rate
        )
        return min(fitting, default=None)

    @property
    def _points(self) -> tuple[OperatingPoint, ...]:
        if self.target_fpr is None:
            return self.operating_points
        own = OperatingPoint(max_false_positive_rate=self.target_fpr, threshold=self.threshold)
        return (*self.operating_points, own)


class Quantization(Frozen):
    """How weights are stored in `bits`, and activations multiplied (docs/quantization.md).

    `activation_bits` is null where activations are floating point numbers. Where the artifact is
    not `batch_invariant`, its answer for a text may move with the texts it shares a batch with.
    """

    scheme: QuantizationScheme
    bits: int
    activation_bits: int | None = None
    batch_invariant: bool = True

    @model_validator(mode="after")
    def _fits_scheme(self) -> Self:
        fitting = _BITS[self.scheme]
        if (self.bits, self.activation_bits) not in fitting:
            choices = " or ".join(
                f"bits = {bits}" + (f", activation_bits = {activation}" if activation else "")
                for bits, activation in fitting
            )
            raise ValueError(f"{self.scheme} has {choices}")
        if self.scheme is QuantizationScheme.INT8_DYNAMIC and self.batch_invariant:
            raise ValueError("int8_dynamic depends on the batch: it has batch_invariant = false")
        return self


class Routing(Frozen):
    """Where to run: the first backend, then those to fall back to, in order."""

    preferred_backend: Backend
    fallback_backends: tuple[Backend, ...]

    @classmethod
    def for_category(cls, category: SizeCategory) -> Self:
        """The routing that a size category implies (docs/architecture.md)."""
        preferred, fallback = {
            SizeCategory.TINY: (Backend.CLIENT_SIDE, Backend.LOCAL),
            SizeCategory.SMALL: (Backend.LOCAL, Backend.MODAL),
            SizeCategory.MEDIUM: (Backend.LOCAL, Backend.MODAL),
            SizeCategory.LARGE: (Backend.MODAL, Backend.LOCAL),
        }[category]
        return cls(preferred_backend=preferred, fallback_backends=(fallback,))


class BrowserSupport(Frozen):
    """Whether onnxruntime-web's wasm build runs the graph, and if not, why."""

    supported: bool
    reasons: tuple[str, ...]


class RuntimeRequirements(Frozen):
    """What a runtime must offer."""

    opset: int = Field(gt=0)
    ir_version: int = Field(gt=0)
    min_ort: str
    providers: tuple[str, ...]
    browser: BrowserSupport
    memory_bytes: int = Field(ge=0)


class Quality(Frozen):
    """How good the probabilities are, on texts the model was not trained on."""

    dataset: str
    n: int = Field(gt=0)
    auroc: Probability
    leave_one_domain_out_auroc: Probability | None
    tpr_at_1pct_fpr: Probability
    fpr_at_threshold: Probability
    tpr_at_threshold: Probability
    expected_calibration_error: Probability


class Drift(Frozen):
    """|Difference of probability| between artifact and source over n texts, and label flips."""

    n: int = Field(gt=0)
    p50: float
    p99: float
    max: float
    flips: Probability


class Parity(Frozen):
    """How the artifact compares over its n golden texts, and over more for drift.

    `max_abs_diff` is the largest |difference of probability| to `golden.jsonl`, by runtime;
    `batch_max_abs_diff` that between a text alone and in a batch of mixed lengths. Golden
    probabilities are the reference's where the scheme is exact, else onnxruntime's.
    """

    reference: str
    n: int = Field(gt=0)
    max_abs_diff: Mapping[str, float]
    batch_max_abs_diff: float | None = None
    drift: Drift | None = None


class Source(Frozen):
    """Where the weights come from, and on what terms."""

    kind: SourceKind
    reference: str
    licence: str
    attribution: str


class Provenance(Frozen):
    """What built the artifact. `git_commit` is null outside a git checkout."""

    tool_versions: Mapping[str, str]
    source_digest: Sha256
    git_commit: str | None


class Contract(Frozen):
    """The part of a manifest that, with the files, decides the answer."""

    task: str
    labels: tuple[str, str]
    input: InputSpec
    outputs: tuple[OutputSpec, ...]
    decision: Decision
    quantization: Quantization


class Manifest(Contract):
    """An artifact: its files, its contract, and the evidence for it.

    `quality` is null where nobody has evaluated the model.
    """

    schema_version: Literal[1] = 1
    model_id: ModelId
    version: VersionText
    digest: Sha256
    files: tuple[ArtifactFile, ...]
    size_bytes: int = Field(gt=0)
    size_category: SizeCategory
    routing: Routing
    runtime: RuntimeRequirements
    quality: Quality | None
    parity: Parity
    source: Source
    provenance: Provenance

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [file.path for file in self.files]
        if len(set(names)) != len(names):
            raise ValueError("files: a path is listed twice")
        if MODEL_FILE not in names:
            raise ValueError(f"files: {MODEL_FILE} is missing")
        missing = [name for name in self.input.tokenizers if name not in names]
        if missing:
            raise ValueError(f"files: {missing[0]} is missing")
        if self.size_bytes != sum(file.bytes for file in self.files):
            raise ValueError("size_bytes is not the sum of the files' bytes")
        if self.size_category is not SizeCategory.of(self.size_bytes):
            raise ValueError("size_category does not follow from size_bytes")
        if self.quality is None and self.decision.target_fpr is not None:
            raise ValueError("decision.target_fpr says a measurement, but quality is null")
        if self.digest != artifact_digest(self.files, self):
            raise ValueError("digest is not that of the files and the contract")
        return self

    def file(self, path: str) -> ArtifactFile | None:
        """The file of that name, if the artifact has one."""
        return next((file for file in self.files if file.path == path), None)

    @property
    def model(self) -> ArtifactFile:
        """The graph file."""
        return next(file for file in self.files if file.path == MODEL_FILE)

    @property
    def base_id(self) -> str:
        """The model id without its variant."""
        return self.model_id.partition(VARIANT_MARK)[0]

    @property
    def variant(self) -> str | None:
        """Which variant of `base_id` this is; null for the default one."""
        return self.model_id.partition(VARIANT_MARK)[2] or None

    @property
    def reference(self) -> str:
        """`model_id@version`."""
        return f"{self.model_id}@{self.version}"

    def to_bytes(self) -> bytes:
        """The bytes of manifest.json."""
        return self.model_dump_json(indent=2).encode() + b"\n"


def artifact_digest(files: tuple[ArtifactFile, ...], contract: Contract) -> str:
    """The artifact's identity: sha256 over the canonical JSON of files and contract.

    Two builds with the same digest give the same answers; name, version, routing and evidence
    are not part of it.
    """
    ordered = sorted(files, key=lambda file: file.path)
    listed: list[JsonValue] = [file.model_dump(mode="json") for file in ordered]
    terms = contract.model_dump(mode="json", include=set(Contract.model_fields))
    return sha256_of_json({"files": listed, "contract": terms})
