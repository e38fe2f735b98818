"""The local engine on small models of random weights: transformers' own greedy decoding is the judge."""

import asyncio
import json

import numpy as np
import pytest

from tasks.core.engine import Request, TransformersLocal, sampling
from tasks.core.errors import RecipeError, RecordError, TransientError, UserError
from tasks.engines.transformers_local import LocalEngine
from tests.engines.asking import ask, once
from tests.engines.models import LINES, causal, llama

torch = pytest.importorskip("torch", reason="the extra llm (torch, transformers) is not installed")
pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Matrices this small are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return llama(tmp_path_factory.mktemp("llama"))


def local(folder, batch_size=8):
    return LocalEngine(
        TransformersLocal(type="transformers_local", model=str(folder), device="cpu", batch_size=batch_size)
    )


def prompts(number, **more):
    """Return requests with prompts and answers of many lengths."""
    return [
        Request(
            prompt=LINES[i % 4][: 5 + 3 * i], sampling=sampling(**({"max_tokens": 5 + 4 * (i % 7), "seed": i} | more))
        )
        for i in range(number)
    ]


def judged(folder, engine, requests):
    """Return the token ids that transformers' own `generate` gives, greedily, for each prompt alone."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder)
    for request in requests:
        ids = torch.tensor([engine.tokenizer.encode(request)])
        limit = dict(request.sampling)["max_tokens"]
        made = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=limit)
        yield made[0, ids.shape[1] :].tolist()


def architectures():
    """Return (name, config class, model class, shape) of kinds that differ in positions, heads and windows."""
    shape = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 256,
        "initializer_range": 0.2,
    }
    return {
        "Llama": shape | {"num_key_value_heads": 2},
        "Mistral": shape | {"num_key_value_heads": 2, "sliding_window": 8},
        "GPT2": {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 256, "initializer_range": 0.2},
        "GPTNeoX": shape,
        "Bloom": {"hidden_size": 48, "n_layer": 2, "n_head": 4, "initializer_range": 0.2},
    }


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in {"Llama", "GPT2"} else pytest.mark.slow) for name in architectures()],
)
def test_greedy_decoding_is_that_of_transformers(tmp_path, name):
    """In batches that rows leave and join, each row gets what it would get alone: padding and positions are right."""
    import transformers

    classes = {"GPT2": "GPT2LMHeadModel"}
    model_class = getattr(transformers, classes.get(name, f"{name}ForCausalLM"))
    causal(tmp_path, getattr(transformers, f"{name}Config"), model_class, **architectures()[name])
    engine, requests = local(tmp_path, batch_size=4), prompts(12, temperature=0.0)
    answers = once(engine, requests)
    for request, answer, ids in zip(requests, answers, judged(tmp_path, engine, requests), strict=True):
        assert answer.completion_tokens == len(ids)
        assert answer.text == engine.tokenizer.decode(ids, engine.tokenizer.encode(request))
        assert answer.prompt_tokens == engine.tokens(request)


def test_seed_decides_not_the_batch(folder):
    """Sampled answers are the same alone, in a batch of three and in one of eight."""
    requests = prompts(20, temperature=0.9, top_p=0.95)
    alone, three, eight = (once(local(folder, size), requests) for size in (1, 3, 8))
    assert alone == three == eight


def test_seeds_differ(folder):
    """One prompt, many seeds: many answers; one seed: one answer."""
    asked = [
        Request(prompt="a lamp", sampling=sampling(temperature=1.0, max_tokens=20, seed=i % 20)) for i in range(40)
    ]
    texts = [answer.text for answer in once(local(folder), asked)]
    assert texts[:20] == texts[20:]
    assert len(set(texts)) >= 19


def test_requests_of_many_callers_share_batches(folder):
    """Calls of one request each are decoded together, and each gets its own answer."""
    requests = prompts(24, temperature=0.0)
    assert ask(local(folder), requests, at_once=24) == once(local(folder), requests)


def test_end_of_text_stops(tmp_path):
    """A model that can only end its text stops at once: no text, one token, finish reason `stop`."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(llama(tmp_path))
    with torch.no_grad():
        model.model.norm.weight.zero_()
    # All logits are equal, so greedy decoding takes token 0: let that be the one that ends a text.
    model.generation_config.eos_token_id = [0]
    model.save_pretrained(tmp_path)
    engine = local(tmp_path)
    ended, forced = once(
        engine,
        [
            Request(prompt="a lamp", sampling=sampling(temperature=0.0, max_tokens=9)),
            Request(prompt="a lamp", sampling=sampling(temperature=0.0, max_tokens=9, ignore_eos=True)),
        ],
    )
    assert (ended.text, ended.finish_reason, ended.completion_tokens) == ("", "stop", 1)
    assert (forced.finish_reason, forced.completion_tokens) == ("length", 9)


@pytest.mark.parametrize("stop", ["a", "\n", " ", "é", "li"], ids=["letter", "newline", "space", "accent", "two"])
def test_stop_string_ends_the_answer(folder, stop):
    """The text is what comes before it; a request without it is as long as allowed."""
    asked = [{"temperature": 1.0, "max_tokens": 60, "seed": seed} for seed in range(6)]
    free = once(local(folder), [Request(prompt="the lamp", sampling=sampling(**a)) for a in asked])
    ended = once(local(folder), [Request(prompt="the lamp", sampling=sampling(**a, stop=(stop,))) for a in asked])
    for whole, part in zip(free, ended, strict=True):
        # Characters of several bytes at the cut may still be half read.
        assert whole.text.partition(stop)[0].rstrip("\ufffd").startswith(part.text.rstrip("\ufffd"))
        assert stop not in part.text
        assert (part.finish_reason == "stop") >= (stop in whole.text)


def test_finish_reason_of_a_full_answer_is_length(folder):
    """max_tokens reached, or the context full."""
    short, full = once(
        local(folder),
        [
            Request(prompt="a", sampling=sampling(max_tokens=3, ignore_eos=True)),
            Request(prompt="@" * 250, sampling=sampling(max_tokens=50, ignore_eos=True)),
        ],
    )
    assert (short.finish_reason, short.completion_tokens) == ("length", 3)
    assert (full.finish_reason, full.completion_tokens) == ("length", 6)


def test_prompt_over_the_context_costs_one_record(folder):
    """RecordError for that request; the others are answered."""
    long, good = ask(local(folder), [Request(prompt="@" * 400), Request(prompt="a", sampling=sampling(max_tokens=4))])
    assert isinstance(long, RecordError)
    assert long.reason == "prompt_too_long"
    assert good.completion_tokens <= 4


def test_empty_prompt_costs_one_record(folder):
    """There is nothing to go on from."""
    (error,) = ask(local(folder), [Request(prompt="")])
    assert isinstance(error, RecordError)
    assert error.reason == "empty_prompt"


def test_chat_goes_through_the_template(folder):
    """Roles, turns and the beginning of the answer are counted."""
    engine = local(folder)
    request = Request(messages=(("system", "be brief"), ("user", "hi")), sampling=sampling(max_tokens=4))
    (answer,) = once(engine, [request])
    text = engine.tokenizer.inner.decode(engine.tokenizer.encode(request))
    assert text == "<|system|>be brief</s><|user|>hi</s><|assistant|>"
    assert answer.prompt_tokens == engine.tokens(request)


def test_template_syntax_in_a_seed_stays_data(folder):
    """What a seed says is not run by the chat template."""
    engine = local(folder)
    request = Request(messages=(("user", "{{ 7 * 7 }} {% for x in y %}"),))
    assert "{{ 7 * 7 }} {% for x in y %}" in engine.tokenizer.inner.decode(engine.tokenizer.encode(request))


def test_chat_without_a_template_is_the_users_fault(tmp_path):
    """A base model is asked with a prompt."""
    (error,) = ask(local(llama(tmp_path, chat=False)), [Request(messages=(("user", "hi"),))])
    assert isinstance(error, UserError)
    assert "has no chat template" in str(error)


def test_logprobs_are_those_of_the_model(folder):
    """Of a greedy answer the chosen token is the most probable, and all are log-probabilities."""
    (answer,) = once(local(folder), [Request(prompt="a", sampling=sampling(temperature=0.0, max_tokens=5, logprobs=3))])
    found = answer.extra["logprobs"]
    assert len(found["tokens"]) == len(found["token_logprobs"]) == answer.completion_tokens
    for chosen, others in zip(found["token_logprobs"], found["top_logprobs"], strict=True):
        assert chosen == pytest.approx(max(others.values()))
        assert chosen < 0
        assert len(others) <= 3


VOTE = {
    "type": "object",
    "properties": {
        "kind": {"enum": ["an old lamp", "a new one"]},
        "score": {"type": "integer", "minimum": 1, "maximum": 5},
        "sure": {"type": "boolean"},
    },
    "required": ["kind", "score", "sure"],
    "additionalProperties": False,
}


def voting(count, **more):
    drawn = {"max_tokens": 80, "temperature": 1.5} | more
    return [
        Request(prompt="a", sampling=sampling(**drawn | {"seed": seed}), schema=json.dumps(VOTE))
        for seed in range(count)
    ]


def test_schema_steers_even_a_random_model(folder):
    """Every answer is an instance, properties in the schema's order; the choices are the model's own."""
    answers = once(local(folder), voting(40))
    values = [json.loads(answer.text) for answer in answers]
    assert all(list(value) == list(VOTE["properties"]) for value in values)
    assert {value["kind"] for value in values} == {"an old lamp", "a new one"}
    assert {value["score"] for value in values} == {1, 2, 3, 4, 5}
    assert {answer.finish_reason for answer in answers} == {"stop"}


def test_steered_answers_do_not_depend_on_the_batch(folder):
    """Alone, together, and beside requests that nothing steers."""
    asked = [*voting(5), *prompts(5, temperature=0.9)]
    together = [answer.text for answer in once(local(folder), asked)]
    assert [answer.text for answer in once(local(folder, batch_size=2), asked)] == together
    assert [once(local(folder), [one])[0].text for one in asked] == together


def test_greedy_answers_are_steered(folder):
    """At temperature 0 too."""
    (answer,) = once(local(folder), voting(1, temperature=0.0))
    assert set(json.loads(answer.text)) == set(VOTE["properties"])


def test_steered_answer_that_is_cut_off_says_so(folder):
    """What the limit cuts is never taken for whole."""
    (answer,) = once(local(folder), voting(1, max_tokens=5))
    assert answer.finish_reason == "length"


def test_schema_that_cannot_steer_is_checked_afterwards(folder):
    """Nothing compiles `not`, so a random model fails, with its text kept."""
    schema = json.dumps({"not": {"type": "string"}, "required": ["kind"], "type": "object"})
    asked = [
        Request(prompt="a", sampling=sampling(max_tokens=200, seed=seed, stop=("e",)), schema=schema)
        for seed in range(4)
    ]
    for error in ask(local(folder), asked):
        assert isinstance(error, RecordError)
        assert error.reason == "schema_violation"
        assert "e" not in error.raw


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"tempature": 1.0}, "does not sample by 'tempature'; did you mean 'temperature'"),
        ({"temperature": -1.0}, "temperature is -1.0"),
        ({"top_p": 0.0}, "top_p is 0.0"),
        ({"max_tokens": 0}, "max_tokens is 0"),
        ({"top_k": "many"}, "cannot be read"),
    ],
    ids=["misspelt", "temperature", "top_p", "max_tokens", "type"],
)
def test_wrong_sampling_is_named(folder, given, error):
    """Value and range, or the choices."""
    (found,) = ask(local(folder), [Request(prompt="a", sampling=sampling(**given))])
    assert isinstance(found, UserError)
    assert error in str(found)


def test_model_without_keys_and_values_is_refused(tmp_path):
    """A state-space model is for vLLM."""
    import transformers

    shape = {"hidden_size": 16, "num_hidden_layers": 1}
    causal(tmp_path, transformers.MambaConfig, transformers.MambaForCausalLM, **shape)
    (error,) = ask(local(tmp_path), [Request(prompt="a")])
    assert isinstance(error, RecipeError)
    assert "mamba" in str(error)


def test_broken_weights_are_one_line(folder, tmp_path):
    """Half a file of weights is a RecipeError, told to everyone who waits."""
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    found = ask(local(tmp_path), prompts(3))
    assert all(isinstance(error, RecipeError) for error in found)
    assert "\n" not in str(found[0])


def test_engine_opens_again_after_close(folder):
    """A closed engine answers the next request, with the same text."""
    engine = local(folder)
    assert once(engine, prompts(3, temperature=0.0)) == once(engine, prompts(3, temperature=0.0))


def test_closing_tells_those_who_wait(folder):
    """Requests under way end with TransientError, not with silence."""

    async def run():
        engine = local(folder)
        asked = Request(prompt="a", sampling=sampling(max_tokens=200, ignore_eos=True))
        job = asyncio.create_task(engine.complete([asked] * 40))
        await asyncio.sleep(0.05)
        await engine.close()
        return await asyncio.gather(job, return_exceptions=True)

    (found,) = asyncio.run(run())
    assert isinstance(found, TransientError)
    assert "was closed" in str(found)


def test_cancelled_requests_make_room(folder):
    """Whoever gives up takes nobody's time: the next answer comes as if they had not asked."""

    async def run():
        engine = local(folder, batch_size=2)
        long = Request(prompt="a", sampling=sampling(max_tokens=250, ignore_eos=True))
        jobs = [asyncio.create_task(engine.complete([long])) for _ in range(8)]
        await asyncio.sleep(0.3)
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        answers = await engine.complete(prompts(2, temperature=0.0))
        await engine.close()
        return answers

    assert asyncio.run(run()) == once(local(folder), prompts(2, temperature=0.0))


def drawn(logits, times, **given):
    """Return what is drawn from the same logits by `times` seeds."""
    from tasks.engines._sampling import Sampler, options

    rows = [options(Request(prompt="", sampling=sampling(seed=seed, **given))) for seed in range(times)]
    tensor = torch.tensor(np.asarray(logits), dtype=torch.float32).expand(times, -1)
    return Sampler(rows, torch.device("cpu")).draw(tensor, np.zeros(times, np.uint64)).numpy()


def test_sampling_follows_the_distribution():
    """Frequencies are softmax(logits / temperature), within a few standard errors."""
    logits = np.array([2.0, 1.0, 0.0, -1.0])
    for temperature in (1.0, 0.5):
        wanted = np.exp(logits / temperature) / np.exp(logits / temperature).sum()
        found = np.bincount(drawn(logits, 20_000, temperature=temperature), minlength=4) / 20_000
        assert np.abs(found - wanted).max() < 0.015


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.6}, {0}),
        ({"top_p": 0.9}, {0, 1, 2}),
        ({"min_p": 0.3}, {0, 1}),
        ({"temperature": 0.0}, {0}),
        ({}, {0, 1, 2, 3}),
    ],
    ids=["top_k", "top_p one", "top_p", "min_p", "greedy", "all"],
)
def test_filters_leave_what_they_should(given, kept):
    """Of shares of 0.64, 0.24, 0.09 and 0.03 each filter keeps its own."""
    assert set(drawn([2.0, 1.0, 0.0, -1.0], 1000, **given).tolist()) == kept


def test_filters_are_each_rows_own():
    """In one batch: greedy, the two best, all."""
    from tasks.engines._sampling import Sampler, options

    kinds = [{"temperature": 0.0}, {"top_k": 2}, {"top_p": 0.6}, {}]
    rows = [options(Request(prompt="", sampling=sampling(seed=i, **kinds[i % 4]))) for i in range(2000)]
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(2000, -1)
    found = Sampler(rows, torch.device("cpu")).draw(logits, np.zeros(2000, np.uint64)).numpy()
    assert [set(found[kind::4].tolist()) for kind in range(4)] == [{0}, {0, 1}, {0}, {0, 1, 2, 3}]


def test_wide_nucleus_is_found_beyond_the_first_tokens():
    """Where the 256 most probable tokens do not fill top_p, all are sorted."""
    logits = -np.arange(2000) * 1e-3
    found = drawn(logits, 500, top_p=0.5)
    share = np.exp(logits) / np.exp(logits).sum()
    assert 256 < found.max() <= int(np.searchsorted(share.cumsum(), 0.5))


def test_uniform_numbers_are_uniform_and_apart():
    """By seed and by position: mean, spread, and no two alike."""
    from tasks.engines._sampling import uniforms

    by_seed = uniforms(np.arange(5000, dtype=np.uint64), np.zeros(5000, np.uint64))
    by_place = uniforms(np.full(5000, 7, np.uint64), np.arange(5000, dtype=np.uint64))
    for found in (by_seed, by_place):
        assert abs(found.mean() - 0.5) < 0.02
        assert abs(found.std() - 12**-0.5) < 0.01
        assert len(np.unique(found)) == 5000


def test_answers_are_json_for_the_log(folder):
    """Logprobs and counts are plain numbers, as the answer log writes them."""
    (answer,) = once(local(folder), [Request(prompt="a", sampling=sampling(max_tokens=3, logprobs=1))])
    assert json.loads(json.dumps(answer.extra)) == answer.extra
