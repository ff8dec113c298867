"""Every error the export pipeline raises, in one tree.

ExportError
  RecipeError         a recipe.toml or its weights cannot be read
  ConversionError     a model has no graph that gives the same numbers
  DatasetError        a file of labelled texts cannot be used
  VerificationError   a graph does not do what it must; nothing was published
    WasmLoadError     onnxruntime-web cannot load a graph, which may be as it should
"""


class ExportError(Exception):
    """Base of all export errors."""


class RecipeError(ExportError):
    """A recipe or its weights cannot be read; the message says what to change."""


class ConversionError(ExportError):
    """A model has no graph that gives the same numbers."""


class DatasetError(ExportError):
    """A file of labelled texts cannot be used; the message names the line."""


class VerificationError(ExportError):
    """A graph does not do what it must; the message names the text and the number."""


class WasmLoadError(VerificationError):
    """onnxruntime-web cannot run a graph; a build then says that browsers do not run it."""
