"""Tiny checkpoints with random weights, as transformers writes them, of each architecture."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from export.golden_texts import NATURAL
from export.quiet import quiet

POSITIONS = 128
BERT = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
ROBERTA = {"cls": "<s>", "pad": "<pad>", "sep": "</s>", "unk": "<unk>", "mask": "<mask>"}
MPNET = {**ROBERTA, "unk": "[UNK]"}
SIZE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
}
Specials = Mapping[str, str]


def word_piece(specials: Specials) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token=specials["unk"]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words = trainers.WordPieceTrainer(
        vocab_size=400, special_tokens=list(specials.values()), show_progress=False
    )
    tokenizer.train_from_iterator(NATURAL, words)
    return tokenizer


def byte_pairs(specials: Specials) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    pairs = trainers.BpeTrainer(
        vocab_size=500,
        special_tokens=list(specials.values()),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(NATURAL, pairs)
    return tokenizer


def pieces(specials: Specials) -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram = trainers.UnigramTrainer(
        vocab_size=300,
        special_tokens=list(specials.values()),
        unk_token=specials["unk"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(NATURAL, unigram)
    return tokenizer


@dataclass(frozen=True)
class Architecture:
    """transformers' class names, the tokenizer of the family, and its special tokens."""

    config: str
    tokenizer: str
    train: Callable[[Specials], Tokenizer]
    specials: Specials
    positions: int = POSITIONS
    settings: Mapping[str, object] = field(default_factory=lambda: SIZE)


ARCHITECTURES = {
    "bert": Architecture("BertConfig", "BertTokenizerFast", word_piece, BERT),
    "distilbert": Architecture(
        "DistilBertConfig",
        "DistilBertTokenizerFast",
        word_piece,
        BERT,
        settings={"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32},
    ),
    "electra": Architecture(
        "ElectraConfig",
        "ElectraTokenizerFast",
        word_piece,
        BERT,
        settings={**SIZE, "embedding_size": 8},
    ),
    # Its own settings as published, small: relative positions, no types.
    "deberta-v2": Architecture(
        "DebertaV2Config",
        "DebertaV2TokenizerFast",
        pieces,
        BERT,
        settings={
            **SIZE,
            "type_vocab_size": 0,
            "relative_attention": True,
            "position_buckets": 16,
            "norm_rel_ebd": "layer_norm",
            "share_att_key": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_biased_input": False,
        },
    ),
    # One layer sees all of a window, the other 16 tokens of it.
    "modernbert": Architecture(
        "ModernBertConfig",
        "PreTrainedTokenizerFast",
        byte_pairs,
        BERT,
        settings={
            **SIZE,
            "num_hidden_layers": 2,
            "local_attention": 16,
            "global_attn_every_n_layers": 2,
        },
    ),
    "mpnet": Architecture(
        "MPNetConfig", "MPNetTokenizerFast", word_piece, MPNET, positions=POSITIONS + 2
    ),
    "roberta": Architecture(
        "RobertaConfig",
        "RobertaTokenizerFast",
        byte_pairs,
        ROBERTA,
        positions=POSITIONS + 2,
        settings={**SIZE, "type_vocab_size": 1},
    ),
    "xlm-roberta": Architecture(
        "XLMRobertaConfig",
        "XLMRobertaTokenizerFast",
        pieces,
        ROBERTA,
        positions=POSITIONS + 2,
        settings={**SIZE, "type_vocab_size": 1},
    ),
}


def write_checkpoint(name: str, folder: Path, **settings: object) -> Path:
    """A classifier of this architecture with random weights; `settings` go into its config."""
    with quiet("transformers"):  # torch warns of how transformers' code is written
        architecture = ARCHITECTURES[name]
        tokenizer = _tokenizer(architecture)
        config = getattr(transformers, architecture.config)(
            **{
                "vocab_size": len(tokenizer),
                "max_position_embeddings": architecture.positions,
                "pad_token_id": tokenizer.pad_token_id,
                "id2label": {0: "human", 1: "ai"},
                **architecture.settings,
                **settings,
            }
        )
        torch.manual_seed(0)
        model = AutoModelForSequenceClassification.from_config(config)
        _spread(model)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _tokenizer(architecture: Architecture) -> PreTrainedTokenizerFast:
    specials = architecture.specials
    trained = architecture.train(specials)
    around = [(specials[role], trained.token_to_id(specials[role])) for role in ("cls", "sep")]
    trained.post_processor = processors.TemplateProcessing(
        single=f"{specials['cls']} $A {specials['sep']}", special_tokens=around
    )
    tokenizer: PreTrainedTokenizerFast = getattr(transformers, architecture.tokenizer)(
        tokenizer_object=trained, **{f"{role}_token": token for role, token in specials.items()}
    )
    return tokenizer


def _spread(model: PreTrainedModel) -> None:
    """Larger weights: as initialised, every answer would be close to a half."""
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.normal_(std=0.2)
