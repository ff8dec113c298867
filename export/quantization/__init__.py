"""Quantization schemes, one file per scheme; docs/quantization.md says what each is for."""
