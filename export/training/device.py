"""Where training computes, and in which number format: the fastest that this machine has."""

import torch
from transformers import PreTrainedModel


def on_fast_device(model: PreTrainedModel) -> PreTrainedModel:
    """The same model, moved there and rounded to that format."""
    device = fast_device()
    model.to(device=device, dtype=fast_dtype(device))  # type: ignore[call-arg]
    return model


def fast_device() -> torch.device:
    """A CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fast_dtype(device: torch.device) -> torch.dtype:
    """bfloat16 where the hardware multiplies in it, else float32."""
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    native = torch.backends.cpu.get_cpu_capability() == "AVX512" and _has_bf16_products()
    return torch.bfloat16 if native else torch.float32


def _has_bf16_products() -> bool:
    supported: bool = torch.cpu._is_avx512_bf16_supported()
    return supported
