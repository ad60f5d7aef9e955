"""Forged tokens at the gateway: each is refused, whatever it tries."""

import json

from joserfc.jws import extract_compact

from tests.integration.data_plane.conftest import Gate
from tests.integration.data_plane.test_refusals import refusal, slug
from tests.support.forgery import forged, good


async def test_no_forged_token_opens_a_connection(gate: Gate) -> None:
    issuer = gate.world.issuer
    claims = json.loads(extract_compact(issuer.token().encode()).payload)
    async with gate.connect(token=good(issuer.key, claims)):
        pass  # so what follows is refused for what was changed
    answers = {why: slug(await refusal(gate, token=token)) for why, token in forged(issuer.key, claims).items()}
    assert {why: answer for why, answer in answers.items() if answer != (401, "token_invalid")} == {}
    async with gate.connect(token=good(issuer.key, claims)):
        pass


async def test_a_huge_token_is_refused_before_it_is_read(gate: Gate) -> None:
    issuer = gate.world.issuer
    token = issuer.token(scope="x" * 9000)
    assert slug(await refusal(gate, token=token)) == (431, "headers_too_large")
