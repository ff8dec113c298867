"""Loads a causal language model as fp32."""

import io
from contextlib import redirect_stderr

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from export.causal_lm.location import WeightFiles
from export.errors import RecipeError
from export.quiet import quiet


def load_model(files: WeightFiles) -> PreTrainedModel:
    """The model in fp32, GGUF weights dequantised. Raises RecipeError.

    Attention is the plain one, `eager`: it exports to a mask that broadcasts over the batch.
    """
    named = {} if files.gguf is None else {"gguf_file": files.gguf.name}
    try:
        # Reading GGUF, transformers shows a progress bar, whatever it is asked.
        with quiet("transformers"), redirect_stderr(io.StringIO()):
            model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
                files.folder,
                local_files_only=True,
                trust_remote_code=False,
                dtype=torch.float32,
                attn_implementation="eager",
                **named,
            )
    except (OSError, ValueError, RuntimeError, ImportError) as exc:
        raise RecipeError(f"{files.gguf or files.folder} cannot be loaded: {exc}") from exc
    model.eval()  # type: ignore[no-untyped-call]
    model.requires_grad_(False)
    return model
