"""The quick writer of canonical JSON writes what the standard library writes: keys of old logs stay good."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks._canonical import answer_text, request_text
from tasks.answers import keyed
from tasks.core.engine import Request, sampling
from tests.strategies import any_text

values = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), any_text, st.lists(any_text))
requests = st.builds(
    Request,
    prompt=st.none() | any_text,
    messages=st.lists(st.tuples(any_text, any_text), max_size=3).map(tuple),
    sampling=st.dictionaries(any_text.filter(bool), values, max_size=4).map(
        lambda given: tuple(sorted(given.items(), key=lambda pair: pair[0]))
    ),
    schema=st.none() | any_text,
)


@given(requests, any_text)
def test_key_is_the_digest_of_the_whole_request_and_of_the_engine(request, identity):
    """Whatever is in it: quotes, control characters, numbers of any size, lists of stop words."""
    assert keyed(request, identity).key == request.digest(identity)
    assert json.loads(request_text(request))["prompt"] == request.prompt


def test_numbers_and_constants_are_written_as_json_writes_them():
    """A float keeps its point, true is no 1, and what is not set is null."""
    request = Request(prompt="x", sampling=sampling(logprobs=True, max_tokens=10**20, temperature=1e-05, top_p=1.0))
    assert '[["logprobs",true],["max_tokens",100000000000000000000],["temperature",1e-05],["top_p",1.0]]' in (
        request_text(request)
    )


@pytest.mark.parametrize("extra", [{}, {"logprobs": {"tokens": ["é", "\ud83d"], "top": None}}], ids=["none", "halves"])
@given(st.text(max_size=30))
def test_answer_reads_back_as_it_was(extra, text):
    """Half a character in the text or in its log-probabilities is kept by escapes; the line itself is UTF-8."""
    said = answer_text(text, "length", extra)
    assert json.loads(said) == {"text": text, "finish_reason": "length", "extra": extra}
    said.encode()
