"""The protocol by which built artifacts are measured on labelled documents: docs/evaluation.md."""
