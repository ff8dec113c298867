"""The library in Chromium: warm predictions, and first visits against transformers.js."""
