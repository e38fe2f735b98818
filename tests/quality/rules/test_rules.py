"""Cases of the row rules: text by text, is it refused."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from quality.rule import configured
from quality.rules import bad_json
from tasks.core import record
from tests.strategies import any_text


def refused(name, rows, **params):
    """Return, row by row, whether the rule refuses it; a text alone is a row of kind text."""
    rows = [row if isinstance(row, dict) else {"text": row} for row in rows]
    keys = ("kind", "text", "messages", "target")
    part = record.columns(**{key: [row.get(key, "text" if key == "kind" else None) for row in rows] for key in keys})
    batch = record.complete(part, method="x@1", stage="s", shard=0, row=0)
    rule, loaded = configured(name, params)
    return rule.defect(batch, loaded).to_pylist()


def case(name, text, *, bad, id, **params):  # noqa: A002 - pytest's own word
    return pytest.param(name, text, params, bad, id=f"{name}-{id}")


CHAT = [{"role": "user", "content": "two words"}, {"role": "assistant", "content": "and three more"}]


@pytest.mark.parametrize(
    ("name", "row", "params", "bad"),
    [
        case("too_short", "", bad=True, id="empty"),
        case("too_short", None, bad=True, id="null"),
        case("too_short", " \t\n\u3000", bad=True, id="blank"),
        case("too_short", "a", bad=False, id="letter"),
        case("too_short", "two words", bad=False, min_words=2, id="enough words"),
        case("too_short", "two words", bad=True, min_words=3, id="few words"),
        case("too_short", "a\u00a0b\u2003c", bad=False, min_words=3, id="wide spaces"),
        case("too_short", "  héé  ", bad=True, min_chars=4, id="few characters"),
        case("too_short", "hééé", bad=False, min_chars=4, id="characters, not bytes"),
        case("too_short", "", bad=False, min_chars=0, min_words=0, id="no limit"),
        case("too_short", {"kind": "chat", "messages": CHAT}, bad=False, min_words=5, id="chat"),
        case("too_short", {"kind": "chat", "messages": CHAT}, bad=True, min_words=6, id="short chat"),
        case("too_short", {"kind": "pair", "text": "q", "target": "a b"}, bad=False, min_words=3, id="pair"),
        case("too_long", "abcd", bad=False, max_chars=4, id="at the limit"),
        case("too_long", "abcde", bad=True, max_chars=4, id="over"),
        case("too_long", "éééé", bad=False, max_chars=4, id="characters, not bytes"),
        case("too_long", "a b c", bad=True, max_words=2, id="words"),
        case("too_long", "a b", bad=False, max_words=2, id="words at the limit"),
        case("too_long", "x" * 200_001, bad=True, id="default"),
        case("bad_unicode", "tab\t line\r\n naïve ☂ 日本", bad=False, id="text"),
        case("bad_unicode", "\x00", bad=True, id="nul"),
        case("bad_unicode", "a\x1bb", bad=True, id="escape"),
        case("bad_unicode", "a\x7f", bad=True, id="delete"),
        case("bad_unicode", "a\x85", bad=True, id="c1"),
        case("bad_unicode", "a\x85\x00", bad=False, controls=False, id="controls let in"),
        case("bad_unicode", "caf\ufffd", bad=True, id="replacement"),
        case("bad_unicode", "\ue000", bad=True, id="private use"),
        case("bad_unicode", "\U0010fffd", bad=True, id="private plane"),
        case("bad_unicode", "\ufdd0", bad=True, id="noncharacter"),
        case("bad_unicode", "\U0001ffff", bad=True, id="noncharacter of plane 1"),
        case("bad_unicode", "zero\u200bwidth", bad=True, id="zero width"),
        case("bad_unicode", "zero\u200bwidth", bad=False, hidden="none", id="zero width let in"),
        case("bad_unicode", "\u202egnp.exe", bad=True, id="override"),
        case("bad_unicode", "\u0645\u06cc\u200c\u062e\u0648", bad=False, id="persian joiner"),
        case("bad_unicode", "\u0645\u06cc\u200c\u062e\u0648", bad=True, hidden="all", id="all hidden"),
        case("bad_unicode", "👩\u200d💻", bad=False, id="emoji joiner"),
        case("bad_unicode", "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e007f", bad=False, id="flag"),
        case("bad_unicode", "hi\U000e0067\U000e0062", bad=True, id="hidden message"),
        case("bad_unicode", "\U0001f3f4" + "\U000e0067" * 8, bad=True, id="message behind a flag"),
        case("bad_unicode", "Un cafÃ© noir", bad=True, id="mojibake"),
        case("bad_unicode", "donâ€™t", bad=True, id="mojibake quote"),
        case("bad_unicode", "ð\u0178\u02dc\u20ac", bad=True, id="mojibake emoji"),
        case(
            "bad_unicode",
            "\u041f\u0440\u0438\u0432\u0435\u0442".encode().decode("cp1252", "ignore"),
            bad=True,
            id="mojibake cyrillic",
        ),
        case("bad_unicode", "Un cafÃ© noir", bad=False, max_mojibake_share=0.2, id="mojibake let in"),
        case("bad_unicode", "NÃO, Â minha MÃE", bad=False, id="portuguese"),
        case("bad_unicode", "Ã»" + "x" * 300, bad=False, id="one in a long text"),
        case("few_letters", "12 34 56 a", bad=True, id="digits"),
        case("few_letters", "room 12", bad=False, id="words"),
        case("few_letters", "ééé 1", bad=False, id="accents"),
        case("few_letters", "हिन्दी में", bad=False, min_share=1.0, id="marks are letters"),
        case("few_letters", "日本語", bad=False, min_share=1.0, id="han"),
        case("few_letters", "— — — é", bad=True, min_share=0.5, id="dashes"),
        case("few_letters", "", bad=False, id="empty"),
        case("leftover_markup", "Dear {{ name }},", bad=True, id="slot"),
        case("leftover_markup", "Dear {{name|title}},", bad=True, id="filter"),
        case("leftover_markup", "{% if x %}", bad=True, id="block"),
        case("leftover_markup", '{"a": {"b": {}}}', bad=False, id="json"),
        case("leftover_markup", "the #animal.a# sat", bad=True, id="symbol"),
        case("leftover_markup", "C# and F# # 1 #2 #tag one", bad=False, id="hashes"),
        case("leftover_markup", "yes<|im_end|>", bad=True, id="token"),
        case("leftover_markup", "[INST] hi [/INST]", bad=True, id="llama"),
        case("leftover_markup", "end</s>", bad=True, id="end of text"),
        case("leftover_markup", "a <| b |> c", bad=False, id="pipes"),
        case("leftover_markup", "Dear [Insert name here]", bad=True, id="placeholder"),
        case("leftover_markup", "Sincerely, [Your Name]", bad=True, id="your name"),
        case("leftover_markup", "list[index] and [1] [see below]", bad=False, id="brackets"),
        case("leftover_markup", "Lorem  ipsum lorem IPSUM", bad=True, id="lorem"),
        case("leftover_markup", "Dear {{ name }},", bad=False, parts=["lorem"], id="only lorem"),
        case("missing_target", {"kind": "pair", "text": "q"}, bad=True, id="null"),
        case("missing_target", {"kind": "pair", "text": "q", "target": " \n"}, bad=True, id="blank"),
        case("missing_target", {"kind": "pair", "text": "q", "target": "a"}, bad=False, id="there"),
        case("missing_target", "text", bad=False, id="other kind"),
        case("missing_target", "text", bad=True, kinds=["text"], id="kinds"),
        case("unbalanced", "f(a[0], {b})", bad=False, id="nested"),
        case("unbalanced", "f(a", bad=True, id="open"),
        case("unbalanced", "a) b(", bad=True, id="closed first"),
        case("unbalanced", "([)]", bad=True, id="crossed"),
        case("unbalanced", 'she said "no', bad=True, id="quote"),
        case("unbalanced", 'she said "no"', bad=False, id="quotes"),
        case("unbalanced", 'she said "no', bad=False, quotes=False, id="quotes let in"),
        case("unbalanced", "1) one\n2) two", bad=False, id="list"),
        case("unbalanced", "a) one b) two", bad=False, id="letters"),
        case("unbalanced", "fine :-) :( ;)", bad=False, id="emoticons"),
        case("unbalanced", 'a 5" disk', bad=False, id="inch"),
        case("unbalanced", "(see 1) and (a)", bad=False, id="list number in brackets"),
        case("unbalanced", "a]", bad=False, brackets=["()"], id="other brackets"),
        case("bad_json", {"kind": "structured", "text": '{"a": [1, null]}'}, bad=False, id="object"),
        case("bad_json", {"kind": "structured", "text": '{"a": 1'}, bad=True, id="cut"),
        case("bad_json", {"kind": "structured", "text": "NaN"}, bad=True, id="nan"),
        case("bad_json", {"kind": "structured", "text": None}, bad=True, id="null"),
        case("bad_json", {"kind": "structured", "text": '{"a": 1, "a": 2}'}, bad=True, id="key twice"),
        case(
            "bad_json", {"kind": "structured", "text": '{"a": 1, "a": 2}'}, bad=False, duplicate_keys=True, id="allowed"
        ),
        case("bad_json", {"kind": "structured", "text": "[" * 100_000}, bad=True, id="deep"),
        case("bad_json", "{", bad=False, id="other kind"),
    ],
)
def test_rule_refuses(name, row, params, bad):
    # Beside other rows, so that a mask set for the whole batch, or shifted by one, would show.
    plain = {"kind": "pair", "text": "A plain sentence of words.", "target": "fine"}
    loose = {key: value for key, value in params.items() if key not in ("min_words", "max_chars", "max_words")}
    if loose == params:
        assert refused(name, [plain, row, plain], **params)[1] is bad
    assert refused(name, [row], **params) == [bad]


@settings(deadline=None)
@given(st.lists(any_text, max_size=8))
@example(["\U000e0100", "葛\U000e0100 1", "\U00040000"])
def test_few_letters_is_the_share_of_isalpha_and_marks(texts):
    """Against the definition, character by character, in batches that mix ASCII and other texts."""

    def few(text):
        seen = [char for char in text if not char.isspace()]
        return sum(unicodedata.category(char)[0] in "LM" for char in seen) < 0.5 * len(seen)

    assert refused("few_letters", texts, min_share=0.5) == [few(text) for text in texts]


def balanced(text):
    stack = []
    for char in text:
        if char in "([{":
            stack.append(")]}"["([{".index(char)])
        elif char in ")]}" and (not stack or stack.pop() != char):
            return False
    return not stack


@settings(deadline=None)
@given(st.lists(st.text("()[]{}", max_size=12), max_size=8))
def test_unbalanced_agrees_with_a_stack(texts):
    assert refused("unbalanced", texts) == [not balanced(text) for text in texts]


@settings(deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda part: st.lists(part, max_size=3)))
def test_bad_json_takes_what_json_writes(value):
    assert refused("bad_json", [{"kind": "structured", "text": record.dumps(value)}]) == [False]


def test_bad_json_reads_no_other_kind():
    """A batch without structured rows costs no parse, whatever its texts."""
    assert refused("bad_json", ["{"] * 3) == [False] * 3
    assert bad_json.Params().duplicate_keys is False
