"""The automations that are shipped, and the examples to start from: Prefect takes each, and finds what it names."""

import json
from uuid import UUID

import pytest
import yaml

from deployments.server.ready import AUTOMATIONS
from flows.events import REJECTED, RELEASED, event
from flows.tell import _outcome
from tasks.landing.ledger import Arrival, Ledger, Outcome

EXAMPLES = AUTOMATIONS.with_name("automations.examples.yaml")
NOBODYS = UUID(int=0)


def automations(path):
    return yaml.safe_load(path.read_text(encoding="utf-8"))["automations"]


def ended(ledger, name):
    """Return the event of a content that has ended, as `tell` sends it."""
    ledger.register([(Arrival("file:///landing/a.jsonl", "folder", "v1", 10, ledger.now(), "0123" * 8, "texts"), "a")])
    (entry,) = ledger.claim("me", 1, 60)
    released = Outcome("released", "/releases/texts/0123", 9)
    ledger.finish(entry, "me", released if name == RELEASED else Outcome("rejected", reason="not valid JSON"))
    (entry,) = ledger.entries()
    return event(name, entry, _outcome(entry, ledger))


EACH = pytest.mark.parametrize("given", automations(EXAMPLES), ids=lambda given: given["name"].replace(" ", "-"))


def test_examples_are_one_by_mail_and_one_by_slack():
    """Each action names a block of the reader's own, which no machine has."""
    names = [given["name"] for given in automations(EXAMPLES)]
    assert ["e-mail" in names[0], "slack" in names[1], len(names)] == [True, True, 2]


@pytest.mark.parametrize("path", [AUTOMATIONS, EXAMPLES], ids=lambda path: path.name)
def test_every_automation_is_one_that_prefect_takes(path):
    """By the model that `prefect automation create` reads files with; no field is lost on the way."""
    from prefect.events.schemas.automations import AutomationCore

    for given in automations(path):
        made = AutomationCore.model_validate(given)
        dumped = json.loads(made.model_dump_json())
        assert set(given) <= set(dumped)
        for part, said in [
            (given["trigger"], dumped["trigger"]),
            *zip(given["actions"], dumped["actions"], strict=True),
        ]:
            assert set(part) <= set(said), f"{given['name']}: {set(part) - set(said)} is no field"


@EACH
def test_example_is_off_and_acts_at_once_on_an_event_of_ours(given):
    """Switched on by whoever has made the block; one event, one message."""
    from prefect.events.schemas.automations import AutomationCore, Posture

    made = AutomationCore.model_validate(given)
    assert not made.enabled
    assert made.trigger.expect <= {RELEASED, REJECTED}
    assert (made.trigger.posture, made.trigger.threshold, made.trigger.within.total_seconds()) == (
        Posture.Reactive,
        1,
        0,
    )
    (action,) = made.actions
    assert (action.type, action.block_document_id) == ("send-notification", NOBODYS)


@EACH
def test_words_of_an_example_are_filled_from_the_event_as_it_is_sent(given, tmp_path):
    """Rendered by the server's own Jinja from our payload: no field of it is misspelt."""
    from prefect.server.events.schemas.events import ReceivedEvent
    from prefect.server.utilities.user_templates import render_user_template_sync, validate_user_template

    (expected,) = given["trigger"]["expect"]
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    try:
        happened = ReceivedEvent.model_validate(ended(ledger, expected))
    finally:
        ledger.close()
    (action,) = given["actions"]
    for words in (action["subject"], action["body"]):
        validate_user_template(words)
        said = render_user_template_sync(words, {"event": happened})
        assert "{{" not in said
        assert said.strip()
    said = render_user_template_sync(action["body"], {"event": happened})
    assert said == ("9 records in /releases/texts/0123" if expected == RELEASED else "not valid JSON")
