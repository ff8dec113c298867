"""A random language model of SmolLM2's architecture, small enough for a test."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM

WIDTH, LAYERS = 32, 2
LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())


def save_tiny_llama(folder: Path, *, tied: bool = True) -> None:
    """config.json, model.safetensors and a tokenizer.json of single bytes."""
    vocabulary = {"<|endoftext|>": 0} | {letter: i for i, letter in enumerate(LETTERS, start=1)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.add_special_tokens(["<|endoftext|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=4,
        num_key_value_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
        initializer_range=0.3,
        tie_word_embeddings=tied,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
