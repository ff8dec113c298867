"""Writes a model tensor by tensor: the bytes are those of SerializeToString, the memory is not.

protobuf's own serialization holds a message up to three times while it makes bytes of it. The wire
format (protobuf.dev, "Encoding") is simple enough to put the parts together: fields in the order of
their numbers, an embedded message after its tag and length.
"""

from pathlib import Path
from typing import IO

import onnx

_LENGTH_DELIMITED = 2
_GRAPH = onnx.ModelProto.GRAPH_FIELD_NUMBER
_INITIALIZER = onnx.GraphProto.INITIALIZER_FIELD_NUMBER


def write_model(model: onnx.ModelProto, path: Path) -> None:
    """The same bytes as `model.SerializeToString(deterministic=True)`."""
    graph = model.graph
    sizes = [tensor.ByteSize() for tensor in graph.initializer]
    before, after = _fields(graph, below=_INITIALIZER), _fields(graph, above=_INITIALIZER)
    heads = [_head(_INITIALIZER, size) for size in sizes]
    length = len(before) + sum(map(len, heads)) + sum(sizes) + len(after)
    with path.open("wb") as file:
        file.write(_fields(model, below=_GRAPH))
        file.write(_head(_GRAPH, length) + before)
        for head, tensor in zip(heads, graph.initializer, strict=True):
            _write_tensor(file, head, tensor)
        file.write(after + _fields(model, above=_GRAPH))


def _write_tensor(file: IO[bytes], head: bytes, tensor: onnx.TensorProto) -> None:
    file.write(head)
    file.write(tensor.SerializeToString(deterministic=True))


def _fields(
    message: onnx.ModelProto | onnx.GraphProto, *, below: int = 1 << 29, above: int = 0
) -> bytes:
    """The message with the fields whose numbers lie between these, serialized."""
    part = type(message)()
    for field, value in message.ListFields():
        if not above < field.number < below:
            continue
        if field.is_repeated:
            getattr(part, field.name).extend(value)
        elif field.message_type is not None:
            getattr(part, field.name).CopyFrom(value)
        else:
            setattr(part, field.name, value)
    content: bytes = part.SerializeToString(deterministic=True)
    return content


def _head(number: int, length: int) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(length)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)
