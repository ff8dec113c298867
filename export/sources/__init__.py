"""Where models come from: one file per kind, chosen by `source.kind` of the recipe."""
