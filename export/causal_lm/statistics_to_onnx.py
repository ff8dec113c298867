# mypy: ignore-errors
# (The body of a script is ONNX, whose types mypy does not know.)
"""The operator `statistics_of_rows` in ONNX: a Scan over chunks of rows.

The table of the vocabulary is turned outside of the Scan, once, so that quantization schemes find
it in the graph itself.
"""

from onnxscript import FLOAT, INT64, OnnxFunction, graph, script, values

# torch.onnx writes this opset first and converts it to the one that is asked for.
from onnxscript import opset18 as op

from export.causal_lm.statistics import CHUNK

# onnxruntime adds up a row in fp32 chains, the longer the fewer lanes a vector has, in LogSoftmax
# too: sums of parts, then of those sums, stay accurate, natively and in WebAssembly.
LONGEST_PART = 256


def statistics_operator(vocabulary: int) -> OnnxFunction:
    """For states float32[R, W], targets int64[R] and a table float32[vocabulary, W]."""
    part = max(size for size in range(1, LONGEST_PART + 1) if vocabulary % size == 0)
    chunk, less = CHUNK, CHUNK - 1

    @script(values.Opset("samegraph", 1), default_opset=op)
    def statistics_of_rows(
        states: FLOAT[...], targets: INT64[...], table: FLOAT[...]
    ) -> FLOAT[...]:
        head = op.Transpose(table, perm=[1, 0])
        in_parts = op.Constant(value_ints=[0, -1, part])
        zero = op.Constant(value_ints=[0])
        last = op.Constant(value_ints=[-1])

        # As few chunks as hold the rows, all of one size.
        rows = op.Shape(targets)
        chunks = (rows + op.Constant(value_int=less)) / op.Constant(value_int=chunk)
        size = (rows + chunks - op.Constant(value_int=1)) / chunks
        shape = op.Concat(chunks, size, axis=0)
        missing = chunks * size - rows
        more_states = op.Pad(states, op.Concat(zero, zero, missing, zero, axis=0))
        more_targets = op.Pad(targets, op.Concat(zero, missing, axis=0))
        states_of_chunks = op.Reshape(more_states, op.Concat(shape, last, axis=0))
        targets_of_chunks = op.Reshape(more_targets, shape)

        @graph()
        def of_chunk(state: FLOAT[...], target: INT64[...]) -> FLOAT[...]:
            logits = op.MatMul(state, head)
            below = logits - op.ReduceMax(logits, last)
            exp_sums = op.ReduceSum(op.Reshape(op.Exp(below), in_parts), last, keepdims=0)
            log_probabilities = below - op.Log(op.ReduceSum(exp_sums, last))
            came = op.GatherElements(log_probabilities, op.Unsqueeze(target, last), axis=1)
            weighted = op.Exp(log_probabilities) * log_probabilities
            square = weighted * log_probabilities
            # alpha is 1 / RANK_BLUR; the body of a Scan takes no names of Python.
            near = op.HardSigmoid(log_probabilities - came, alpha=10.0, beta=0.5)
            weighted_sums = op.ReduceSum(op.Reshape(weighted, in_parts), last, keepdims=0)
            square_sums = op.ReduceSum(op.Reshape(square, in_parts), last, keepdims=0)
            near_sums = op.ReduceSum(op.Reshape(near, in_parts), last, keepdims=0)
            expected = op.ReduceSum(weighted_sums, last)
            variance = op.Relu(op.ReduceSum(square_sums, last) - expected * expected)
            rank = op.ReduceSum(near_sums, last) + op.Constant(value_float=0.5)
            highest = op.ReduceMax(log_probabilities, last)
            found = op.Concat(came, op.Log(rank), expected, variance, highest, axis=1)
            return op.Transpose(found, perm=[1, 0])

        found = op.Scan(
            states_of_chunks,
            targets_of_chunks,
            body=of_chunk,
            num_scan_inputs=2,
            scan_output_axes=[1],
        )
        together = op.Reshape(found, op.Constant(value_ints=[5, -1]))
        return op.Slice(together, zero, rows, op.Constant(value_ints=[1]))

    return statistics_of_rows
