"""`tilth landed` as it is typed: the ledger as JSON, `retry`, and what each says of a wrong word."""

import json

import pytest

from tasks.landing.ledger import Arrival, Ledger, Outcome

pytestmark = pytest.mark.usefixtures("cli")
REASON = "a.jsonl line 1: not valid JSON"


@pytest.fixture
def entries(home, monkeypatch):
    """Three contents: one released, one rejected, one that waits; the entries by state."""
    monkeypatch.delenv("TILTH_DATABASE_URL", raising=False)
    ledger = Ledger()
    try:
        for number, name in enumerate(("good", "bad", "new")):
            uri = f"file:///landing/{name}.jsonl"
            arrival = Arrival(uri, "folder", "v1", 10, ledger.now(), f"{number}" * 32, "texts")
            ledger.register([(arrival, f"{name}.jsonl")])
            if name != "new":
                (claimed,) = ledger.claim("me", 1, 60)
                released = Outcome("released", "/releases/texts/0", 7)
                ledger.finish(claimed, "me", released if name == "good" else Outcome("rejected", reason=REASON))
        yield {entry.state: entry for entry in ledger.entries()}
    finally:
        ledger.close()


def test_landed_as_json_is_one_document_with_every_field(cli, entries):
    """Nothing else on standard output: a program reads it, field by field."""
    ran = cli("landed", "--json")
    assert (ran.code, ran.err) == (0, "")
    said = {entry["state"]: entry for entry in json.loads(ran.out)}
    assert set(said) == {"released", "rejected", "landed"}
    released, rejected, landed = said["released"], said["rejected"], said["landed"]
    assert (released["release"], released["rows"], released["reason"]) == ("/releases/texts/0", 7, None)
    assert (rejected["reason"], rejected["uris"]) == (REASON, ["file:///landing/bad.jsonl"])
    assert landed["claimed_at"] is landed["finished_at"] is None
    fields = ["id", "digest", "uri", "uris", "route", "state", "release", "rows", "reason", "tries"]
    fields += ["landed_at", "claimed_at", "finished_at"]
    assert all(list(entry) == fields for entry in said.values())
    assert all(entry["digest"].startswith(entry["id"]) for entry in said.values())


def test_landed_as_json_in_one_state(cli, entries):
    """An empty list where nothing is in it; a state that there is not is refused with those that there are."""
    assert [entry["id"] for entry in json.loads(cli("landed", "--json", "--state", "rejected").out)] == [
        entries["rejected"].id
    ]
    assert json.loads(cli("landed", "--json", "--state", "failed").out) == []
    ran = cli("landed", "--json", "--state", "realeased")
    assert (ran.code, ran.out) == (2, "")
    assert "unknown state 'realeased'; did you mean 'released'?" in ran.err


def test_retry_lets_a_content_run_again(cli, entries):
    """By the id that `tilth landed` lists; the ledger has it as landed, without its reason."""
    ran = cli("landed", "retry", entries["rejected"].id)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"{entries['rejected'].id}  file:///landing/bad.jsonl: runs again within a minute\n"
    said = {entry["id"]: entry for entry in json.loads(cli("landed", "--json").out)}
    again = said[entries["rejected"].id]
    assert (again["state"], again["reason"], again["finished_at"]) == ("landed", None, None)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("released", "is released, in /releases/texts/0; only what is"),
        ("landed", "is landed; only what is"),
        ("", "no content"),
    ],
    ids=["released", "landed", "unknown"],
)
def test_retry_of_what_did_not_end_badly_is_one_line(cli, entries, state, said):
    """Exit code 2, and nothing of several ids is changed but what came before it."""
    ran = cli("landed", "retry", entries[state].id if state else "fff")
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err


def test_retry_without_an_id_says_what_is_missing(cli, entries):
    """Typer's own word, and its exit code 2."""
    ran = cli("landed", "retry")
    assert ran.code == 2
    assert "Missing argument 'ID...'" in ran.err
