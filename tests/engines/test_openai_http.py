"""The HTTP engine on a real server on loopback: what it sends, what it takes for an answer, what it refuses."""

import json
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tasks.core.engine import Answer, OpenAIHttp, Request, sampling
from tasks.core.errors import RecipeError, RecordError, TransientError, UserError
from tasks.engines import _openai_wire as wire
from tasks.engines._openai_access import access, check, shown
from tasks.engines.fake_server import serving
from tests.engines.asking import SCHEMA, ask, chats, http, once

KEY = "sk-tilth-not-a-real-key"


@pytest.fixture
def handmade():
    """Return a function that serves one fixed reply, and gives (base URL, the bodies that were sent)."""
    running = []

    def serve(status, body, **headers):
        sent = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.reply(status, body)

            def do_GET(self):
                self.reply(404, b"{}")

            def reply(self, code, raw):
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *args):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return f"http://127.0.0.1:{server.server_port}/v1", sent

    yield serve
    for server in running:
        server.shutdown()
        server.server_close()


def reply_of(**choice):
    """Return the body of a chat completion."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    return json.dumps({"choices": [{"index": 0, "finish_reason": "stop", **choice}], "usage": usage}).encode()


def test_chat_and_completion_come_back_with_their_counts():
    """Both forms reach their own path, and usage and finish reason are the server's."""
    with serving() as server:
        chat, plain = ask(http(server.base_url), [chats(1)[0], Request(prompt="a lamp is")])
    assert chat == Answer("tell me about lamp 0", "stop", 5, 5)
    assert plain == Answer("a lamp is", "stop", 3, 3)


def test_batch_keeps_its_order():
    """Requests of one call are sent in the order of their texts, and answered in the order given."""
    requests = list(reversed(chats(40)))
    with serving(latency_ms=1) as server:
        engine = http(server.base_url)
        answers = once(engine, requests)
    assert [answer.text for answer in answers] == [request.messages[0][1] for request in requests]


def test_engine_serves_one_loop_after_another():
    """A second event loop gets connections of its own."""
    with serving() as server:
        engine = http(server.base_url)
        first = once(engine, chats(3))
        assert once(engine, chats(3)) == first


def test_cut_off_answer_is_never_whole():
    """max_tokens reached: finish reason `length`, and the schema is not even looked at."""
    request = Request(prompt="one two three four", sampling=sampling(max_tokens=2), schema=SCHEMA)
    with serving(answers=["one two three four"]) as server:
        (answer,) = ask(http(server.base_url), [request])
    assert (answer.text, answer.finish_reason) == ("one two", "length")


def test_what_is_sent_is_what_was_asked(handmade):
    """Sampling by its own names, stop strings as a list, the schema as response_format."""
    url, sent = handmade(200, reply_of(message={"role": "assistant", "content": '{"stars": 3, "why": "x"}'}))
    asked = sampling(temperature=0.5, top_p=0.9, max_tokens=7, seed=4, stop=("\n", "END"), logprobs=2)
    ask(http(url), [Request(messages=(("system", "be brief"), ("user", "hi")), sampling=asked, schema=SCHEMA)])
    (body,) = sent
    assert body["messages"] == [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["seed"]) == (0.5, 0.9, 7, 4)
    assert (body["stop"], body["logprobs"], body["top_logprobs"]) == (["\n", "END"], True, 2)
    assert body["response_format"]["json_schema"]["schema"] == json.loads(SCHEMA)
    assert body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (json.loads(SCHEMA), True),
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, False),
        ({"type": "array", "items": {"type": "object"}}, False),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, True),
    ],
    ids=["closed", "open", "open within", "no object"],
)
def test_strict_only_where_openai_takes_it(schema, strict):
    """OpenAI refuses `strict` on a schema whose objects are open."""
    _, body = wire.payload(Request(prompt="a", schema=json.dumps(schema)), "m")
    assert json.loads(body)["response_format"]["json_schema"]["strict"] is strict


@pytest.mark.parametrize(
    "text", ["no JSON at all", '{"stars": 9, "why": "x"}', '{"stars": 3}', '{"stars": 3, "why": "x"'], ids=range(4)
)
def test_answer_off_the_schema_is_rejected_with_its_text(text):
    """The reason is counted, the raw text kept."""
    with serving(answers=[text]) as server:
        (error,) = ask(http(server.base_url), [Request(prompt="rate it", schema=SCHEMA)])
    assert isinstance(error, RecordError)
    assert (error.reason, error.raw) == ("schema_violation", text)


def test_fake_server_answers_on_the_schema():
    """Without scripted answers the fake server writes instances of the schema."""
    requests = [Request(prompt=f"rate {i}", schema=SCHEMA) for i in range(5)]
    with serving() as server:
        answers = ask(http(server.base_url), requests)
    assert {json.loads(answer.text)["stars"] for answer in answers} <= {1, 2, 3, 4, 5}


def test_schema_that_is_none_is_the_users_fault():
    """A broken schema stops before anything is asked."""
    with serving() as server:
        (error,) = ask(http(server.base_url), [Request(prompt="a", schema='{"type": "strin"}')])
        assert server.counts.requests == 0
    assert isinstance(error, UserError)
    assert "JSON Schema" in str(error)


@pytest.mark.parametrize("chat", [True, False], ids=["chat", "completion"])
def test_logprobs_have_one_layout(chat):
    """Chat and completion differ on the wire, not in `extra`."""
    request = chats(1, logprobs=True)[0]
    if not chat:
        request = Request(prompt="tell me about lamp 0", sampling=request.sampling)
    with serving() as server:
        (answer,) = ask(http(server.base_url), [request])
    found = answer.extra["logprobs"]
    assert found["tokens"] == ["tell", "me", "about", "lamp", "0"]
    assert all(-3 <= value <= 0 for value in found["token_logprobs"])


def test_top_logprobs_of_a_chat_are_read():
    """OpenAI's list of alternatives becomes one mapping a token."""
    part = {"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    answer = wire.answer(reply_of(message={"content": "a"}, logprobs={"content": [part]}))
    assert answer.extra["logprobs"] == {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"a": -0.5}]}


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        ({"message": {"content": None, "refusal": "I cannot"}}, "refused"),
        ({"message": {"content": "half"}, "finish_reason": "content_filter"}, "content_filter"),
    ],
    ids=["refusal", "filter"],
)
def test_held_back_answer_costs_one_record(handmade, choice, reason):
    """A refusal is no text to learn from."""
    url, _ = handmade(200, reply_of(**choice))
    (error,) = ask(http(url), chats(1))
    assert isinstance(error, RecordError)
    assert error.reason == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("This model's maximum context length is 10 tokens. However, you requested 12 tokens", "prompt_too_long"),
        ("the request exceeds the available context size (4096 tokens)", "prompt_too_long"),
        ("The response was filtered: content management policy", "content_filter"),
        ("top_p must be in (0, 1]", "bad_request"),
    ],
    ids=["vllm", "llama.cpp", "azure", "other"],
)
def test_refused_request_costs_one_record(handmade, message, reason):
    """HTTP 400 means this request, in the words of several servers."""
    url, _ = handmade(400, json.dumps({"error": {"message": message}}).encode())
    (error,) = ask(http(url), chats(1))
    assert isinstance(error, RecordError)
    assert error.reason == reason


def test_server_that_refuses_everything_stops_the_run(handmade):
    """Eight refusals and no answer: they are all alike."""
    url, sent = handmade(400, b'{"error": {"message": "unknown field top_q"}}')
    found = ask(http(url), chats(8), at_once=1)
    assert [type(error) for error in found] == [RecordError] * 7 + [UserError]
    assert "refuses every request: unknown field top_q" in str(found[-1])
    assert len(sent) == 8


def test_prompt_over_the_context_is_mapped_from_the_server():
    """Without a tokenizer the server's own words decide."""
    with serving(max_model_len=10) as server:
        long, short = ask(http(server.base_url), [Request(prompt="word " * 20), Request(prompt="word")])
    assert isinstance(long, RecordError)
    assert long.reason == "prompt_too_long"
    assert short.text == "word"


def test_prompt_over_the_context_is_not_sent_where_the_tokenizer_is_here(tmp_path):
    """The server says how long its context is, the tokenizer how long the prompt."""
    from tests.engines.models import tokenizer

    tokenizer(tmp_path)
    with serving(max_model_len=50) as server:
        engine = http(server.base_url, tokenizer=str(tmp_path))
        long, fits = ask(engine, [Request(prompt="@" * 60), Request(prompt="@" * 49)])
        asked = server.counts.requests
    assert isinstance(long, RecordError)
    assert (long.reason, asked) == ("prompt_too_long", 1)
    assert fits.finish_reason == "stop"
    assert engine.tokens(Request(prompt="@" * 49)) == 49


def test_identity_is_the_model_not_the_address():
    """A cached answer is good on any port."""
    with serving() as one, serving() as two:
        assert http(one.base_url).identity == http(two.base_url).identity == "openai_http:fake"


def test_only_model_of_a_server_is_found():
    """A spec without a model takes the only one, and names the choices where there are several."""
    with serving(models=["one-model"]) as server:
        assert http(server.base_url, model=None).model == "one-model"
    with serving(models=["a", "b"]) as server, pytest.raises(RecipeError, match=r"2 models.*have: a, b"):
        http(server.base_url, model=None)


@pytest.mark.parametrize("key", [None, "sk-wrong-key-of-a-user"], ids=["none", "wrong"])
def test_wrong_key_ends_everything_at_once(monkeypatch, key, caplog, capfd):
    """One clear line, no retry, and the key in no text that anybody sees."""
    caplog.set_level(0)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    if key:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    with serving(key=KEY, latency_ms=5) as server:
        engine = http(server.base_url)
        found = ask(engine, chats(200), at_once=16)
    assert all(isinstance(error, UserError) for error in found)
    assert "OPENAI_API_KEY" in str(found[0])
    assert "\n" not in str(found[0])
    seen = "".join((str(found), repr(engine), repr(engine.__dict__), caplog.text, *capfd.readouterr()))
    assert key is None or key not in seen


def test_first_wrong_key_stops_those_that_wait(monkeypatch):
    """Of a batch larger than the window only the first are sent."""
    monkeypatch.setenv("OPENAI_API_KEY", "wrong")
    with serving(key=KEY) as server:
        engine = http(server.base_url)
        with pytest.raises(UserError, match="turned down the key in OPENAI_API_KEY"):
            once(engine, chats(300))
        assert server.counts.by_status[401] <= 128


def test_right_key_opens_the_door_after_a_wrong_one(monkeypatch):
    """The key is read anew where a run was stopped by the old one."""
    monkeypatch.setenv("MY_KEY", "wrong")
    with serving(key=KEY) as server:
        engine = http(server.base_url, api_key_env="MY_KEY")
        (error,) = ask(engine, chats(1))
        monkeypatch.setenv("MY_KEY", KEY)
        (answer,) = ask(engine, chats(1))
    assert isinstance(error, UserError)
    assert answer.text == "tell me about lamp 0"


def test_server_that_repeats_the_key_does_not_make_us_say_it(monkeypatch, handmade):
    """What a server says is shown without the key in it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    url, _ = handmade(400, json.dumps({"error": {"message": f"bad key {KEY} for top_p"}}).encode())
    (error,) = ask(http(url), chats(1))
    assert "bad key *** for top_p" in str(error)


def test_unknown_model_lists_what_is_there():
    """HTTP 404 for a model names the choices."""
    with serving(models=["llama-small", "llama-large"]) as server:
        (error,) = ask(http(server.base_url, model="lama-small"), chats(1))
    assert isinstance(error, UserError)
    assert "no model 'lama-small'; did you mean 'llama-small'?" in str(error)


def test_redirect_is_not_followed(handmade):
    """A key is for the server that was named."""
    url, _ = handmade(302, b"", Location="http://example.invalid/v1")
    (error,) = ask(http(url), chats(1))
    assert isinstance(error, UserError)
    assert "HTTP 302" in str(error)


def test_spent_quota_is_not_waited_out(handmade):
    """OpenAI says 429 for an empty account too: no wait helps."""
    url, sent = handmade(429, b'{"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}')
    (error,) = ask(http(url), chats(1))
    assert isinstance(error, UserError)
    assert "exceeded your quota" in str(error)
    assert len(sent) == 1


def test_wait_longer_than_ours_is_given_up(handmade):
    """Retry-After of an hour: an error that says so, not a run that hangs."""
    url, _ = handmade(429, b"{}", Retry_After="3600")
    (error,) = ask(http(url), chats(1))
    assert isinstance(error, TransientError)
    assert "asks to wait 3600 s" in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
    ids=["seconds", "milliseconds", "date", "garbage", "none"],
)
def test_retry_after_is_read(headers, seconds):
    """All forms of the header; a date in the past means now."""
    assert wire.retry_after_s(headers) == seconds


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ({"base_url": "localhost:8000"}, "no address"),
        ({"base_url": "http://"}, "no address"),
        ({"base_url": "http://host:port/v1"}, "no address"),
        ({"base_url": ()}, "base_url is empty"),
    ],
    ids=["no scheme", "no host", "no port", "none"],
)
def test_bad_address_is_named(spec, error):
    """What cannot be an address is turned down before anything is sent."""
    with pytest.raises(RecipeError, match=error):
        access(OpenAIHttp(type="openai_http", **spec))


def test_user_and_password_of_an_address_are_not_shown():
    """Nor is a key in the query."""
    assert shown("http://me:secret@host:1/v1?key=1") == "http://host:1/v1"


def test_check_finds_what_is_wrong_before_the_run(monkeypatch):
    """Unreachable, wrong key, unknown model, each in one line; a server that is down beside one that is up passes."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(RecipeError, match=r"cannot reach .*refused"):
            check(OpenAIHttp(type="openai_http", base_url=dead))
        with serving(key=KEY) as server, pytest.raises(RecipeError, match=r"asks for a key.*set OPENAI_API_KEY"):
            check(OpenAIHttp(type="openai_http", base_url=server.base_url))
        with serving() as server:
            with pytest.raises(RecipeError, match="no model 'x'; have: fake"):
                check(OpenAIHttp(type="openai_http", base_url=server.base_url, model="x"))
            check(OpenAIHttp(type="openai_http", base_url=(dead, server.base_url)))
