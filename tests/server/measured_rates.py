"""For schemathesis: only rates of false positives that hash-tiny's manifest has a threshold for."""

from typing import Any

import schemathesis

# As in conftest.make_manifest; a model without a threshold for a rate refuses it with a 422.
MEASURED = 0.02


@schemathesis.hook
def before_call(_context: object, case: schemathesis.Case, _arguments: dict[str, Any]) -> None:
    rate = case.body.get("max_false_positive_rate") if isinstance(case.body, dict) else None
    if isinstance(rate, float) and 0 < rate < MEASURED:
        case.body["max_false_positive_rate"] = MEASURED
