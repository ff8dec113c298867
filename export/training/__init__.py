"""How the recipes' trained weights were made: reproducible, one module per model."""
