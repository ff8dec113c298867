"""What callers send. Unknown fields are refused, so that a misspelt one is not ignored."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from registry import Backend, Manifest
from runtime_server.errors import (
    InvalidRequestError,
    TextTooLongError,
    TextTooShortError,
    UnmeasuredRateError,
)
from runtime_server.routing import Preferences
from runtime_server.settings import Settings

BackendName = Literal["local", "modal", "client_side"]
Capability = Literal["client_side"]
# What `Wishes` checks, as JSON Schema says it.
NOT_BOTH: JsonDict = {
    "properties": {
        "threshold": {"type": "number"},
        "max_false_positive_rate": {"type": "number"},
    },
    "required": ["threshold", "max_false_positive_rate"],
}
EXAMPLE_TEXT = "The committee reviewed the proposal and found it broadly satisfactory."


def well_formed(text: str) -> str:
    """The text with each lone surrogate as U+FFFD (step 2 of norm-1), so that UTF-8 can hold it."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "Input should be a string")
    return well_formed(value)


def _whole(value: object) -> object:
    # To JSON Schema, and to JavaScript, 5000.0 is an integer.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]


@dataclass(frozen=True)
class TextLimits:
    """Lengths of a text that are taken, in characters (code points)."""

    shortest: int
    longest: int

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The limits that the settings state."""
        return cls(settings.min_text_length, settings.max_text_length)

    def check(self, text: object) -> str:
        """The text, well-formed.

        Raises:
            InvalidRequestError: it is no string.
            TextTooShortError, TextTooLongError: its length is outside the limits.
        """
        if not isinstance(text, str):
            raise InvalidRequestError("a text must be a string")
        length = len(text)
        if length < self.shortest:
            raise TextTooShortError(
                f"the text has {length} characters, the least is {self.shortest}",
                length=length,
                limit=self.shortest,
            )
        if length > self.longest:
            raise TextTooLongError(
                f"the text has {length} characters, the most is {self.longest}",
                length=length,
                limit=self.longest,
            )
        return well_formed(text)


class Wishes(BaseModel):
    """What both kinds of request may say beside the text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_id: str | None = Field(
        None, max_length=200, description="`id` or `id@version`; the default model if absent."
    )
    variant: str | None = Field(
        None,
        max_length=80,
        description="Variant of the model, such as `int8_token`; `default` is the model itself. "
        "If absent, what the operator chose, else the model itself.",
    )
    prefer_backend: BackendName | None = Field(
        None,
        description="Try this backend first; `client_side` asks for what is needed to run "
        "the model on the caller's own machine.",
    )
    client_capabilities: tuple[Capability, ...] = Field(
        (), description="`client_side` if the caller can run models itself."
    )
    threshold: float | None = Field(
        None,
        ge=0,
        le=1,
        strict=True,
        allow_inf_nan=False,
        description="Decide at this probability instead of the model's own threshold.",
    )
    max_false_positive_rate: float | None = Field(
        None,
        gt=0,
        le=1,
        strict=True,
        allow_inf_nan=False,
        description="Decide at the threshold that was measured to flag at most this share of texts "
        "by humans; instead of `threshold`.",
    )
    explain: bool = Field(
        False, strict=True, description="Say how each part of the text would be judged alone."
    )
    timeout_ms: Annotated[int | None, BeforeValidator(_whole)] = Field(
        None,
        ge=1,
        strict=True,
        description="As the header X-Request-Timeout-Ms: the answer is of no use later; the "
        "shorter of both counts.",
    )

    @model_validator(mode="after")
    def _one_way_to_decide(self) -> Self:
        if self.threshold is not None and self.max_false_positive_rate is not None:
            raise PydanticCustomError(
                "two_thresholds", "Give threshold or max_false_positive_rate, not both"
            )
        return self

    def decision_threshold(self, manifest: Manifest) -> float:
        """The probability from which a text counts as AI-written.

        Raises:
            UnmeasuredRateError: no threshold of the model was measured for the wished rate.
        """
        if self.max_false_positive_rate is None:
            return manifest.decision.threshold if self.threshold is None else self.threshold
        decision, wished = manifest.decision, self.max_false_positive_rate
        threshold = decision.threshold_for(wished)
        if threshold is None:
            raise UnmeasuredRateError(
                f"{manifest.reference} has no threshold measured for {wished:g}",
                measured=[*decision.measured_rates],
            )
        return threshold

    @property
    def preferences(self) -> Preferences:
        """The part that routing looks at."""
        return Preferences(
            prefer_backend=Backend(self.prefer_backend) if self.prefer_backend else None,
            can_run_models="client_side" in self.client_capabilities,
        )


class PredictRequest(Wishes):
    """One text."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": EXAMPLE_TEXT}], "not": NOT_BOTH},
    )

    text: Text = Field(description="The text to judge, as it is: the server normalises it.")


class BatchPredictRequest(Wishes):
    """Several texts for one model. A text that cannot be taken fails alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"texts": [EXAMPLE_TEXT, "hey, running late, sry!"]}],
            "not": NOT_BOTH,
        },
    )

    # Each item is checked on its own, so that one that is no string does not fail the others.
    texts: tuple[Any, ...] = Field(
        min_length=1,
        description="The texts, in the order of the results.",
        json_schema_extra={"items": {"type": "string"}},
    )
