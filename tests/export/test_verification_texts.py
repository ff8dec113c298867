from export.verification_texts import HEAVY_BYTES, VerificationTexts


def test_what_costs_more_for_every_token_is_verified_on_fewer_tokens() -> None:
    full, large = (VerificationTexts.of("encoder", size) for size in (HEAVY_BYTES, HEAVY_BYTES + 1))
    assert sum(map(len, large.drift)) < sum(map(len, full.drift)) / 5
    assert len(large.golden) == len(full.golden)
    assert large == VerificationTexts.of("causal_lm")
    assert VerificationTexts.of("sklearn", HEAVY_BYTES + 1) == full
