from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from registry import Backend, Manifest
from registry.manifest import Routing
from runtime_server.engine import Availability
from runtime_server.routing import Policy, Preferences, plan_route

LOCAL, MODAL, CLIENT = Backend.LOCAL, Backend.MODAL, Backend.CLIENT_SIDE
OK = Availability()
NO = Availability("exceeds_memory_budget", "too large")
TINY = Routing(preferred_backend=CLIENT, fallback_backends=(LOCAL,))
SMALL = Routing(preferred_backend=LOCAL, fallback_backends=(MODAL,))
LARGE = Routing(preferred_backend=MODAL, fallback_backends=(LOCAL,))
PLAIN = Preferences()
OPEN = Policy(LOCAL, allow_client_side=True, allow_modal=True)
CAPABLE = Preferences(can_run_models=True)


@dataclass(frozen=True)
class Scenario:
    name: str
    routing: Routing
    backends: tuple[Backend, ...]
    skipped: tuple[tuple[Backend, str], ...] = ()
    wish: Preferences = PLAIN
    states: dict[Backend, Availability] = field(default_factory=lambda: {LOCAL: OK, MODAL: OK})
    policy: Policy = OPEN
    browser: bool = True


SCENARIOS = (
    Scenario("tiny, plain caller", TINY, (LOCAL,), ((CLIENT, "caller_cannot_run_it"),)),
    Scenario("tiny, capable caller", TINY, (CLIENT, LOCAL), wish=CAPABLE),
    Scenario("tiny, caller wants client_side", TINY, (CLIENT, LOCAL), wish=Preferences(CLIENT)),
    Scenario(
        "tiny, capable caller wants local",
        TINY,
        (LOCAL, CLIENT),
        wish=Preferences(LOCAL, can_run_models=True),
    ),
    Scenario(
        "tiny, caller wants modal",
        TINY,
        (MODAL, LOCAL),
        ((CLIENT, "caller_cannot_run_it"),),
        wish=Preferences(MODAL),
    ),
    Scenario(
        "tiny, delegation forbidden",
        TINY,
        (LOCAL,),
        ((CLIENT, "forbidden_by_settings"),),
        wish=CAPABLE,
        policy=Policy(LOCAL, allow_client_side=False, allow_modal=True),
    ),
    Scenario(
        "tiny, not for browsers",
        TINY,
        (LOCAL,),
        ((CLIENT, "unsupported_in_browser"),),
        wish=CAPABLE,
        browser=False,
    ),
    Scenario("small", SMALL, (LOCAL, MODAL)),
    Scenario(
        "small, does not fit",
        SMALL,
        (MODAL,),
        ((LOCAL, "exceeds_memory_budget"),),
        states={LOCAL: NO, MODAL: OK},
    ),
    Scenario(
        "small, modal not configured",
        SMALL,
        (LOCAL,),
        ((MODAL, "not_configured"),),
        states={LOCAL: OK},
    ),
    Scenario(
        "small, caller wants client_side", SMALL, (CLIENT, LOCAL, MODAL), wish=Preferences(CLIENT)
    ),
    Scenario("large", LARGE, (MODAL, LOCAL)),
    Scenario(
        "large, modal forbidden",
        LARGE,
        (LOCAL,),
        ((MODAL, "forbidden_by_settings"),),
        policy=Policy(LOCAL, allow_client_side=True, allow_modal=False),
    ),
    Scenario(
        "large, nothing works",
        LARGE,
        (),
        ((MODAL, "not_configured"), (LOCAL, "exceeds_memory_budget")),
        states={LOCAL: NO},
    ),
    Scenario(
        "no fallback of its own: the operator's default is last",
        Routing(preferred_backend=LOCAL, fallback_backends=()),
        (LOCAL, MODAL),
        policy=Policy(MODAL, allow_client_side=True, allow_modal=True),
    ),
)


@pytest.mark.parametrize("case", SCENARIOS, ids=lambda case: case.name)
def test_the_plan_orders_backends_and_says_why_others_are_skipped(
    case: Scenario, manifest_of: Callable[..., Manifest]
) -> None:
    manifest = manifest_of(routing=case.routing, browser=case.browser)
    plan = plan_route(case.wish, manifest, case.policy, case.states)
    assert plan.backends == case.backends
    assert tuple((skip.backend, skip.reason) for skip in plan.skipped) == case.skipped


def test_a_skip_belongs_to_the_step_that_came_after_it(
    manifest_of: Callable[..., Manifest],
) -> None:
    manifest = manifest_of(routing=TINY)
    plan = plan_route(Preferences(MODAL), manifest, OPEN, {LOCAL: OK, MODAL: OK})
    assert [skip.backend for skip in plan.steps[0].passed_over] == []
    assert [skip.backend for skip in plan.steps[1].passed_over] == [CLIENT]
    assert plan.never == ()
