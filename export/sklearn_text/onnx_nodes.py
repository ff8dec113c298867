"""Nodes and constants that a converter adds to the graph which skl2onnx builds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, numpy_helper

MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Nodes:
    """Adds nodes and constants to skl2onnx's container; returns the names of the new values."""

    scope: Any
    container: Any

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """A new initializer."""
        unique: str = self.scope.get_unique_variable_name(name)
        if value.dtype == object:
            texts = [str(text).encode() for text in value]
            self.container.add_initializer(unique, TensorProto.STRING, [len(texts)], texts)
        else:
            tensor = numpy_helper.from_array(value, unique)
            self.container.add_initializer(unique, tensor.data_type, value.shape, tensor)
        return unique

    def node(self, op: str, inputs: list[str], name: str, domain: str = "", **attrs: Any) -> str:  # noqa: ANN401
        """A new node, and a new name for its output."""
        return self._add(op, inputs, self.scope.get_unique_variable_name(name), domain, attrs)

    def output(self, op: str, inputs: list[str], name: str, **attrs: Any) -> str:  # noqa: ANN401
        """A new node whose output has this name."""
        return self._add(op, inputs, name, "", attrs)

    def between_spaces(self, text: str) -> str:
        """Text string[N] with a space before and after."""
        space = self.constant("space", np.array([" "], dtype=object))
        opened = self.node("StringConcat", [space, text], "opened")
        return self.node("StringConcat", [opened, space], "closed")

    def characters(self, text: str) -> str:
        """Text string[N] to its characters string[N, T], "" after the end of a text."""
        return self._tokens(text, separators=[""])

    def words(self, text: str, pattern: str) -> str:
        """Text string[N] to what an RE2 pattern finds, string[N, T], "" after the end of a text."""
        return self._tokens(text, tokenexp=pattern)

    def _tokens(self, text: str, **rule: Any) -> str:  # noqa: ANN401
        return self.node(
            "Tokenizer", [text], "units", MICROSOFT, mark=0, mincharnum=1, pad_value="", **rule
        )

    def _add(
        self, op: str, inputs: list[str], output: str, domain: str, attrs: dict[str, Any]
    ) -> str:
        version = 1 if domain else self.container.target_opset
        self.container.add_node(
            op,
            inputs,
            [output],
            op_domain=domain,
            op_version=version,
            name=self.scope.get_unique_operator_name(op),
            **attrs,
        )
        return output
