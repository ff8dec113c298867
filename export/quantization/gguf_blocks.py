"""The quantized blocks of a GGUF file, found by the fp32 rows that they stand for.

A loader may reorder rows (transformers does, for rotary embeddings) and an exporter renames and
transposes: but a row keeps its bits. So a weight of a graph is looked up row by row, and no table
of names is needed.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from gguf import GGMLQuantizationType, GGUFReader, dequantize

from export.errors import ConversionError

BLOCK = 32
Bytes = npt.NDArray[np.uint8]
Float16s = npt.NDArray[np.float16]
Float32s = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FourBitBlocks:
    """Q4_1: weight = value * scale + minimum, float16[rows, blocks].

    `values` uint8[rows, blocks, 16], the earlier of two values in the low half of a byte.
    """

    values: Bytes
    scale: Float16s
    minimum: Float16s


@dataclass(frozen=True)
class EightBitBlocks:
    """Q8_0: weight = value * scale, of int8[rows, blocks, 32] and float16[rows, blocks]."""

    values: npt.NDArray[np.int8]
    scale: Float16s


Blocks = FourBitBlocks | EightBitBlocks


class GgufRows:
    """Finds the blocks of fp32 rows in a GGUF file's Q4_1 and Q8_0 tensors."""

    def __init__(self, path: Path) -> None:
        self._path = path
        tensors = GGUFReader(path).tensors
        self._tensors = [tensor for tensor in tensors if tensor.tensor_type in _READERS]
        self._places = {
            digest: (number, row)
            for number, tensor in enumerate(self._tensors)
            for row, digest in enumerate(_digests(dequantize(tensor.data, tensor.tensor_type)))
        }

    def blocks(self, rows: Float32s, name: str) -> Blocks:
        """The blocks that stand for exactly these rows, float32[rows, width].

        Raises:
            ConversionError: a row is not in the file, or the rows are of several types.
        """
        places = [self._places.get(digest) for digest in _digests(rows)]
        found = [place for place in places if place is not None]
        if len(found) < len(places):
            raise ConversionError(
                f"{name}: {len(places) - len(found)} of {len(places)} rows are not Q4_1 or Q8_0 "
                f"rows of {self._path.name}; gguf_exact needs the file that the model was read from"
            )
        types = {self._tensors[number].tensor_type for number, _ in found}
        if len(types) > 1:
            raise ConversionError(f"{name}: rows of {len(types)} types in one matrix")
        return _READERS[types.pop()](np.stack([self._tensors[n].data[row] for n, row in found]))


def _digests(rows: Float32s) -> Iterator[bytes]:
    for row in rows:
        # Zero has two signs and one value: + 0 makes them one.
        yield hashlib.blake2b((row + np.float32(0)).tobytes(), digest_size=16).digest()


def _q4_1(raw: Bytes) -> FourBitBlocks:
    """Of each 20 bytes: scale, minimum, and 16 bytes: low halves first, then high halves."""
    blocks = raw.reshape(len(raw), -1, 4 + BLOCK // 2)
    terms = np.ascontiguousarray(blocks[..., :4]).view(np.float16)
    values = np.concatenate([blocks[..., 4:] & 15, blocks[..., 4:] >> 4], axis=-1)
    in_pairs: Bytes = values[..., 0::2] | (values[..., 1::2] << 4)
    return FourBitBlocks(in_pairs, terms[..., 0], terms[..., 1])


def _q8_0(raw: Bytes) -> EightBitBlocks:
    """Of each 34 bytes: scale, and 32 signed bytes."""
    blocks = raw.reshape(len(raw), -1, 2 + BLOCK)
    scale = np.ascontiguousarray(blocks[..., :2]).view(np.float16)[..., 0]
    return EightBitBlocks(np.ascontiguousarray(blocks[..., 2:]).view(np.int8), scale)


_READERS: dict[GGMLQuantizationType, Callable[[Bytes], Blocks]] = {
    GGMLQuantizationType.Q4_1: _q4_1,
    GGMLQuantizationType.Q8_0: _q8_0,
}
