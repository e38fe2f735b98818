"""The quickstart's seeds, products, templates, grammar and schemas are what their README says."""

import itertools
import json
import re
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
import yaml

from tasks.core.method import get_method
from tasks.core.source import SeedSource
from tasks.seeds import read
from tests.builders import make, seeds_of, texts

QUICKSTART = Path(__file__).resolve().parents[2] / "deployments" / "recipes" / "quickstart"
SEED_FILES = ("tickets.jsonl", "reviews.jsonl", "howto.jsonl")
TICKET_LABELS = {"billing", "delivery", "fault", "how_to", "returns", "account"}
REVIEW_LABELS = {"positive", "negative", "mixed"}
SPAN_TYPES = {"PERSON_NAME", "EMAIL", "PHONE", "ORDER_ID", "ADDRESS", "SERIAL_NUMBER"}

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ORDER_ID = re.compile(r"\bHW-\d+\b")
SERIAL_NUMBER = re.compile(r"\b[A-Z]{3}\d+-\d+\b")
# Seven digits or more with what people put between them; an order or serial number has a letter or a dash before it.
PHONE = re.compile(r"(?<![\w-])[+(]?\d(?:[ ().-]{0,2}\d){6,}")
# 555-0100 to 555-0199 (NANPA) and two of Ofcom's ranges for drama are given to nobody.
FICTIONAL_PHONE = re.compile(r"(?:\(\d{3}\) |\d{3}-)?555-01\d\d|\+44 20 7946 0\d{3}|07700 900\d{3}")
FICTIONAL_EMAIL = re.compile(r".+@example\.(?:com|org|net)")

TEMPLATES = ("fault_report", "topic_ticket", "spare_part", "late_parcel")
OPERATIONS = ("listTickets", "createTicket", "getTicket", "addMessage", "createRefund")


def rows_of(name):
    lines = (QUICKSTART / "seeds" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def every_row():
    return [row for name in SEED_FILES for row in rows_of(name)]


def products():
    listed = json.loads((QUICKSTART / "products.json").read_text(encoding="utf-8"))["products"]
    return {product["name"]: product for product in listed}


def words_of_text(text):
    return set(re.findall(r"\w+", text.lower()))


def params_of(template):
    return yaml.safe_load((QUICKSTART / "templates" / f"{template}.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("name", "least", "keys"),
    [
        pytest.param("tickets.jsonl", 90, {"text", "label", "product", "priority", "spans"}, id="tickets"),
        pytest.param("reviews.jsonl", 80, {"text", "label", "product", "stars"}, id="reviews"),
        pytest.param("howto.jsonl", 70, {"text", "target", "product"}, id="howto"),
    ],
)
def test_each_seed_file_has_enough_rows_of_the_same_keys(name, least, keys):
    rows = rows_of(name)
    assert len(rows) >= least
    for row in rows:
        assert set(row) - {"customer"} == keys
        assert row["text"] == row["text"].strip()
        assert len(row["text"].split()) >= 3


def test_readme_counts_are_those_of_the_files():
    readme = (QUICKSTART / "README.md").read_text(encoding="utf-8")
    for name in SEED_FILES:
        assert re.search(rf"`seeds/{name}` .*\| {len(rows_of(name))} records \|", readme), name
    spans = [row["spans"] for row in rows_of("tickets.jsonl") if row["spans"]]
    assert f"{len(spans)} tickets hold {sum(map(len, spans))} spans" in readme
    api = yaml.safe_load((QUICKSTART / "schema" / "ticket_api.yaml").read_text(encoding="utf-8"))
    operations = [op["operationId"] for path in api["paths"].values() for op in path.values() if "operationId" in op]
    assert sorted(operations) == sorted(OPERATIONS)
    assert f"| {len(OPERATIONS)} operations |" in readme
    for name in TEMPLATES:
        wordings = params_of(name)["template"]
        count = len(wordings) if isinstance(wordings, list) else 1
        assert re.search(rf"`templates/{name}\.yaml` .*\| {count} templates? \|", readme), name


def test_readme_names_every_file_of_the_folder():
    readme = (QUICKSTART / "README.md").read_text(encoding="utf-8")
    files = [path for path in QUICKSTART.rglob("*") if path.suffix in {".jsonl", ".json", ".yaml", ".cfg"}]
    assert len(files) >= 11
    assert [str(path) for path in files if str(path.relative_to(QUICKSTART)) not in readme] == []


def test_all_records_differ():
    rows = every_row()
    assert len({row["text"] for row in rows}) == len(rows)
    ids = seeds_of(rows).column("id").to_pylist()
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        pytest.param("tickets.jsonl", "text", id="tickets"),
        pytest.param("reviews.jsonl", "text", id="reviews"),
        pytest.param("howto.jsonl", "pair", id="howto"),
    ],
)
def test_the_seed_reader_takes_every_row_as_it_stands(name, kind):
    read_parts = list(read(SeedSource(path=f"seeds/{name}"), QUICKSTART))
    records = [record for part in read_parts for record in part.records.to_pylist()]
    assert [part.rejects.num_rows for part in read_parts] == [0]
    for record, row in zip(records, rows_of(name), strict=True):
        assert record["kind"] == kind
        for column in ("text", "target", "label", "spans"):
            assert (record[column] or None) == (row.get(column) or None)
        assert json.loads(record["extra"])["product"] == row["product"]


def test_no_two_texts_share_most_of_their_words():
    bags = [(words_of_text(row["text"]), row["text"]) for row in every_row()]
    bags += [(words_of_text(row["target"]), row["target"]) for row in rows_of("howto.jsonl")]
    close = [
        (one, other)
        for (left, one), (right, other) in itertools.combinations(bags, 2)
        if len(left & right) > 0.8 * len(left | right)
    ]
    assert close == []


def test_few_texts_open_with_the_same_three_words():
    openings = Counter(tuple(row["text"].lower().split()[:3]) for row in every_row() if "target" not in row)
    assert openings.most_common(1)[0][1] <= 4


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        pytest.param("tickets.jsonl", TICKET_LABELS, id="tickets"),
        pytest.param("reviews.jsonl", REVIEW_LABELS, id="reviews"),
    ],
)
def test_each_label_has_eight_records_or_more(name, labels):
    counts = Counter(row["label"] for row in rows_of(name))
    assert set(counts) == labels
    assert min(counts.values()) >= 8


def test_stars_agree_with_the_label_of_a_review():
    allowed = {"positive": {4, 5}, "mixed": {2, 3, 4}, "negative": {1, 2}}
    assert [row for row in rows_of("reviews.jsonl") if row["stars"] not in allowed[row["label"]]] == []


def test_priorities_are_three_and_all_are_used():
    assert {row["priority"] for row in rows_of("tickets.jsonl")} == {"low", "normal", "high"}


def test_answers_of_howto_have_two_to_six_sentences():
    counts = [len(re.findall(r"[.!?](?=\s|$)", row["target"])) for row in rows_of("howto.jsonl")]
    assert min(counts) >= 2
    assert max(counts) <= 6


@pytest.mark.parametrize("name", SEED_FILES)
def test_every_product_is_known_and_none_is_left_out(name):
    assert {row["product"] for row in rows_of(name)} == set(products())


def test_products_are_described_in_full():
    listed = products()
    assert len(listed) == 12
    assert len({product["model"] for product in listed.values()}) == 12
    for product in listed.values():
        for key, least in (("features", 4), ("faults", 4), ("parts", 3), ("accessories", 2)):
            assert len(product[key]) == len(set(product[key])) >= least, (product["name"], key)


def test_spans_lie_inside_the_text_and_do_not_overlap():
    for row in rows_of("tickets.jsonl"):
        end = 0
        for span in row["spans"]:
            assert end <= span["start"] < span["end"] <= len(row["text"]), row["text"]
            assert span["type"] in SPAN_TYPES
            end = span["end"]


def test_spans_are_cut_at_whole_words():
    for row in rows_of("tickets.jsonl"):
        for span in row["spans"]:
            before, after = row["text"][: span["start"]][-1:], row["text"][span["end"] :][:1]
            covered = row["text"][span["start"] : span["end"]]
            assert covered == covered.strip(" ,")
            assert not before.isalnum(), covered
            assert not after.isalnum(), covered


def test_forty_tickets_or_more_hold_spans_and_all_types_are_used():
    rows = [row for row in rows_of("tickets.jsonl") if row["spans"]]
    assert len(rows) >= 40
    counts = Counter(span["type"] for row in rows for span in row["spans"])
    assert set(counts) == SPAN_TYPES
    assert min(counts.values()) >= 3


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        pytest.param("EMAIL", EMAIL, id="email"),
        pytest.param("PHONE", PHONE, id="phone"),
        pytest.param("ORDER_ID", ORDER_ID, id="order"),
        pytest.param("SERIAL_NUMBER", SERIAL_NUMBER, id="serial"),
    ],
)
def test_what_a_pattern_finds_is_exactly_what_the_spans_say(kind, pattern):
    for row in rows_of("tickets.jsonl"):
        found = [match.span() for match in pattern.finditer(row["text"])]
        marked = [(span["start"], span["end"]) for span in row["spans"] if span["type"] == kind]
        assert found == marked, row["text"]


def test_a_customer_who_is_named_in_the_text_is_covered_by_a_span():
    for row in rows_of("tickets.jsonl"):
        parts = [part for part in re.split(r"[ -]", row.get("customer", {}).get("name", "")) if len(part) > 2]
        covered = {i for span in row["spans"] for i in range(span["start"], span["end"])}
        for part in parts:
            bare = [m.start() for m in re.finditer(rf"\b{re.escape(part)}\b", row["text"]) if m.start() not in covered]
            assert bare == [], (part, row["text"])


def test_a_serial_number_starts_with_the_model_of_its_product():
    for row in rows_of("tickets.jsonl"):
        for span in row["spans"]:
            if span["type"] == "SERIAL_NUMBER":
                model = products()[row["product"]]["model"].replace("-", "")
                assert row["text"][span["start"] : span["end"]].split("-")[0] == model


def test_order_ids_belong_to_one_ticket_each():
    found = [order for row in rows_of("tickets.jsonl") for order in ORDER_ID.findall(row["text"])]
    assert len(set(found)) == len(found)
    assert all(re.fullmatch(r"HW-\d{7}", order) for order in found)


def test_emails_and_phones_of_every_seed_are_fictional():
    all_text = "\n".join(row["text"] + "\n" + row.get("target", "") for row in every_row())
    emails, phones = EMAIL.findall(all_text), PHONE.findall(all_text)
    assert len(emails) >= 10
    assert len(phones) >= 8
    assert [email for email in emails if not FICTIONAL_EMAIL.fullmatch(email)] == []
    assert [phone for phone in phones if not FICTIONAL_PHONE.fullmatch(phone)] == []


def test_emails_of_all_other_files_are_fictional_too():
    files = [path for path in QUICKSTART.rglob("*") if path.suffix in {".json", ".yaml", ".j2", ".cfg", ".md"}]
    found = [email for path in files for email in EMAIL.findall(path.read_text(encoding="utf-8"))]
    assert [email for email in found if not FICTIONAL_EMAIL.fullmatch(email)] == []


@pytest.mark.parametrize(
    ("text", "fictional"),
    [
        pytest.param("ring 555-0143 now", True, id="north-american"),
        pytest.param("(210) 555-0143", True, id="area-in-brackets"),
        pytest.param("+44 20 7946 0318", True, id="london"),
        pytest.param("07700 900461", True, id="mobile"),
        pytest.param("555-0243", False, id="outside-the-range"),
        pytest.param("+44 20 7123 4567", False, id="real-london"),
        pytest.param("(312) 867-5309", False, id="real-chicago"),
    ],
)
def test_the_phone_check_tells_fictional_from_real(text, fictional):
    (found,) = PHONE.findall(text)
    assert bool(FICTIONAL_PHONE.fullmatch(found)) is fictional


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template_fills_every_slot(template):
    made = make("template", params_of(template), 50, base=QUICKSTART)
    filled = texts(made)
    assert len(filled) == 50
    assert len(set(filled)) >= 45
    for column in ("text", "target", "label"):
        values = made.records.column(column).to_pylist() if column in made.records.schema.names else []
        assert [value for value in values if value and re.search(r"[{}%]|  | [.,?]", value)] == []


@pytest.mark.parametrize(
    ("template", "labels"),
    [
        pytest.param("fault_report", {"fault"}, id="one-label"),
        pytest.param("topic_ticket", TICKET_LABELS, id="label-from-a-slot"),
        pytest.param("late_parcel", {"delivery"}, id="with-logic"),
    ],
)
def test_a_labelled_template_uses_the_labels_of_the_tickets(template, labels):
    made = make("template", params_of(template), 200, base=QUICKSTART)
    assert set(made.records.column("label").to_pylist()) == labels


def test_a_pair_template_asks_and_answers_about_the_same_product():
    made = make("template", params_of("spare_part"), 200, base=QUICKSTART)
    rows = made.records.select(["text", "target"]).to_pylist()
    assert len(rows) == 200
    for row in rows:
        (product,) = (name for name in products() if name in row["text"])
        assert product in row["target"]
        part = re.search(r'tap "(.+?)"', row["target"]).group(1)
        assert part.lower() in [known.lower() for known in products()[product]["parts"]]
        assert part.lower() in row["text"].lower()


@pytest.mark.parametrize("template", ["fault_report", "spare_part", "topic_ticket"])
def test_slots_of_a_template_are_those_of_the_products_file(template):
    slots = params_of(template)["slots"]
    assert slots["product"] == list(products())
    for slot, key in (("feature", "features"), ("fault", "faults"), ("part", "parts")):
        if slot in slots:
            assert slots[slot]["choices"] == {name: product[key] for name, product in products().items()}


@pytest.mark.parametrize(
    ("template", "least"),
    [
        pytest.param("fault_report", 1_000_000, id="fault_report"),
        pytest.param("topic_ticket", 4_000, id="topic_ticket"),
        pytest.param("spare_part", 100_000, id="spare_part"),
    ],
)
def test_a_finite_template_knows_how_many_texts_it_can_make(template, least):
    method = get_method("template")
    params = method.params.model_validate(params_of(template), context={"base": QUICKSTART})
    assert method.capacity(params) >= least


def test_the_grammar_is_a_pcfg_of_nltk_with_over_a_million_messages():
    import nltk

    source = (QUICKSTART / "grammar" / "support_ticket.cfg").read_text(encoding="utf-8")
    productions = nltk.PCFG.fromstring(source).productions()
    assert len(productions) >= 120
    assert f"{len(productions)} productions" in (QUICKSTART / "README.md").read_text(encoding="utf-8")
    method = get_method("cfg")
    params = method.params.model_validate({"grammar": "grammar/support_ticket.cfg"}, context={"base": QUICKSTART})
    assert method.capacity(params) > 10**6


def test_the_grammar_writes_whole_sentences_with_every_production():
    made = make("cfg", {"grammar": "grammar/support_ticket.cfg"}, 5_000, base=QUICKSTART)
    messages = texts(made)
    assert len(set(messages)) > 4_000
    assert [text for text in messages if re.search(r"  | [.,?!]|[.?!] [a-z]|^[a-z]|[^.?!]$", text)] == []
    used = [count for key, count in made.stats.items() if key.startswith("production:")]
    assert len(used) > 300
    assert min(used) > 0


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_of_the_api_gives_objects_that_differ(operation):
    made = make("json_schema", {"openapi": "schema/ticket_api.yaml", "operation": operation}, 20, base=QUICKSTART)
    objects = [json.loads(text) for text in texts(made)]
    assert len(objects) == 20
    assert len(set(texts(made))) > 15
    assert all(isinstance(value, dict) and len(value) >= 2 for value in objects)


def test_orders_pass_their_schema():
    schema = json.loads((QUICKSTART / "schema" / "order.schema.json").read_text(encoding="utf-8"))
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    made = make("json_schema", {"schema": "schema/order.schema.json"}, 50, base=QUICKSTART)
    orders = [json.loads(text) for text in texts(made)]
    assert len(orders) == 50
    assert [error.message for order in orders for error in checker.iter_errors(order)] == []
    assert {line["kind"] for order in orders for line in order["lines"]} == {"product", "part", "plan"}
