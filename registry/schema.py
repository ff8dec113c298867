"""The JSON Schema of the manifest, from which the TypeScript types are generated."""

import json
from pathlib import Path

from registry.manifest import Manifest

SCHEMA_PATH = Path(__file__).resolve().parent / "manifest.schema.json"


def manifest_schema() -> str:
    """The schema (JSON Schema 2020-12) as the text of manifest.schema.json."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Manifest.model_json_schema(mode="serialization"),
    }
    return json.dumps(schema, indent=2) + "\n"
