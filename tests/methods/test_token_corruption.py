import json
import math
import re
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tasks.methods.perturb._corrupt_chars import confusions
from tasks.methods.perturb._corrupt_choose import choose, parts, rounded
from tasks.methods.perturb._corrupt_words import word_tokens
from tasks.methods.perturb._value_text import docs_of
from tasks.methods.perturb.token_corruption import LETTERS, Params, check
from tests.builders import make, seeds_of
from tests.methods.cfg_checks import P_VALUE, chi_square_p
from tests.strategies import any_text

TOKENS = ("bert", "t5", "bart", "prefix", "ul2")
# Two hundred different words, so that a random word is nearly never the one that was there.
WORDS = [f"w{a}{b}" for a in "abcdefghijklmnopqrst" for b in "qrstuvwxyz"]


def long_text(words, seed=0):
    rng = np.random.default_rng(seed)
    return " ".join(WORDS[n] for n in rng.integers(0, len(WORDS), words))


def evenly(counts):
    """Return the chance of counts like these where each is as likely."""
    counts = list(counts)
    return chi_square_p(counts, [sum(counts) / len(counts)] * len(counts))


def corrupted(texts, mode, count=None, *, run_seed=0, **params):
    """Return the rows made of texts, each drawn once."""
    seeds = seeds_of([{"text": text} if isinstance(text, str) else text for text in texts])
    made = make("token_corruption", {"mode": mode, **params}, count or len(texts), seeds=seeds, run_seed=run_seed)
    return made.records.to_pylist()


def t5_original(source, target):
    """Return the text that a T5 pair came from."""
    for number in range(source.count("<extra_id_")):
        span = target.split(f"<extra_id_{number}> ", 1)[1].split(f" <extra_id_{number + 1}>", 1)[0]
        source = source.replace(f"<extra_id_{number}>", span, 1)
    return source


def original(row, mode, *, mode_tokens=True):
    """Return the text that a pair came from."""
    source, target = row["text"], row["target"]
    if mode == "ul2" and mode_tokens:
        source = source[4:]
    last = mode == "prefix" or (mode == "ul2" and json.loads(row["extra"])["denoiser"] == "S")
    if last:
        return source + target
    return t5_original(source, target) if mode in {"t5", "ul2"} else target


@settings(max_examples=80)
@given(
    texts=st.lists(any_text, min_size=1, max_size=8), mode=st.sampled_from([*TOKENS, *LETTERS]), seed=st.integers(0, 99)
)
def test_pair_gives_the_original_back(texts, mode, seed):
    """Source and target hold all of any text; a text that did not change is a reject, never a pair."""
    for text, row in zip(texts, corrupted(texts, mode, run_seed=seed), strict=True):
        assert row["kind"] == "pair"
        if row.get("reason"):
            assert row["text"] == text
            continue
        assert original(row, mode) == text
        assert row["text"] != text


@settings(max_examples=60)
@given(text=any_text)
def test_words_and_what_is_between_them_are_the_text(text):
    """The split loses nothing: tokens hold no white space, the gaps nothing else, and they are in order."""
    tokens = word_tokens(docs_of([text]))
    places = list(zip(tokens.starts.tolist(), tokens.ends.tolist(), strict=True))
    assert all(a < b and not re.search(r"[\s\x00]", text[a:b]) for a, b in places)
    assert all(one[1] <= two[0] for one, two in pairwise(places))
    rest = "".join(text[a:b] for a, b in pairwise([0, *[p for pair in places for p in pair], len(text)][::1]))
    assert rest == text
    gaps = [
        text[a:b]
        for a, b in zip([0, *[end for _, end in places]], [*[start for start, _ in places], len(text)], strict=True)
    ]
    assert not "".join(gaps).replace("\x00", "").strip()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("Don't stop, it's 5!", ["Don't", "stop", ",", "it's", "5", "!"], id="apostrophes"),
        pytest.param("a👩🏽‍🚀b 👍🏽!", ["a", "👩🏽‍🚀", "b", "👍🏽", "!"], id="emoji"),
        pytest.param("cafe\u0301s ok", ["cafe\u0301s", "ok"], id="combining accent"),
        pytest.param("東京です", ["東", "京", "で", "す"], id="unspaced script"),
        pytest.param("שלום, עולם", ["שלום", ",", "עולם"], id="right to left"),
        pytest.param("", [], id="empty"),
    ],
)
def test_words_are_split_as_people_see_them(text, words):
    """Letters with their accents, emoji with their joiners, signs one by one."""
    tokens = word_tokens(docs_of([text]))
    assert [text[a:b] for a, b in zip(tokens.starts, tokens.ends, strict=True)] == words


@pytest.mark.parametrize("rate", [0.15, 0.3, 0.6])
def test_rate_holds_over_a_hundred_thousand_tokens(rate):
    """Within 0.5 % of what is asked, for BERT's tokens, T5's and BART's spans, in texts of any length."""
    lengths = np.random.default_rng(1).integers(8, 120, 1_700)
    texts = [long_text(int(n), seed) for seed, n in enumerate(lengths)]
    total = int(lengths.sum())
    assert total > 100_000
    bert = corrupted(texts, "bert", rate=rate, keep_unchanged=True)
    chosen = sum(len(json.loads(row["extra"])["masked"]) for row in bert)
    assert abs(chosen / total / rate - 1) < 0.005
    t5 = corrupted(texts, "t5", rate=rate)
    gone = sum(len(re.sub(r"<extra_id_\d+>", "", row["target"]).split()) for row in t5)
    assert abs(gone / total / rate - 1) < 0.005
    bart = corrupted(texts, "bart", rate=rate)
    kept = sum(len(row["text"].replace("<mask>", "").split()) for row in bart)
    assert abs((total - kept) / total / rate - 1) < 0.005


def test_bert_treats_tokens_as_the_paper_says():
    """80 % mask, 10 % another word, 10 % the same; the chosen ones are spread evenly over the text."""
    rows = corrupted([long_text(2_000, seed) for seed in range(30)], "bert")
    seen, places = Counter(), []
    for row in rows:
        new, old = row["text"].split(), row["target"].split()
        starts = {start: n for n, start in enumerate(np.cumsum([0, *[len(word) + 1 for word in old]])[:-1].tolist())}
        chosen = {starts[start] for start, _ in json.loads(row["extra"])["masked"]}
        assert all(new[n] == old[n] for n in range(len(old)) if n not in chosen)
        seen.update("mask" if new[n] == "[MASK]" else "same" if new[n] == old[n] else "other" for n in chosen)
        places += [n * 10 // len(old) for n in chosen]
    total = seen.total()
    expected = [total * 0.8, total * 0.1, total * 0.1]
    assert chi_square_p([seen["mask"], seen["other"], seen["same"]], expected) > P_VALUE
    assert evenly(np.bincount(places)) > P_VALUE


def test_bert_replaces_by_words_of_the_batch():
    """Another word is one that the seeds hold, each as likely."""
    rows = corrupted([long_text(4_000, seed) for seed in range(25)], "bert", rate=0.5)
    other = Counter(
        new
        for row in rows
        for new, old in zip(row["text"].split(), row["target"].split(), strict=True)
        if new not in {old, "[MASK]"}
    )
    assert set(other) == set(WORDS)
    assert evenly(list(other.values())) > P_VALUE


def test_t5_spans_have_the_lengths_of_the_paper():
    """Lengths of a random composition: geometric with mean 3, as many tokens and spans as asked."""
    rows = corrupted([long_text(3_000, seed) for seed in range(40)], "t5")
    lengths = [len(span.split()) for row in rows for span in re.split(r"<extra_id_\d+>", row["target"]) if span.strip()]
    assert abs(np.mean(lengths) - 3) < 0.02
    counts = np.bincount(lengths, minlength=40)
    bins = [*counts[1:12], counts[12:].sum()]
    p = 1 / 3
    chances = [p * (1 - p) ** (n - 1) for n in range(1, 12)]
    expected = np.array([*chances, 1 - sum(chances)]) * len(lengths)
    assert chi_square_p(bins, expected) > P_VALUE


def test_t5_span_may_stand_anywhere():
    """In a text of one span, its start is as likely at any place."""
    rows = corrupted([long_text(10)] * 6_000, "t5", rate=0.2, mean_span=2)
    starts = Counter(row["text"].split().index("<extra_id_0>") for row in rows if row["target"].count("<extra") == 2)
    assert set(starts) == set(range(9))
    assert evenly([starts[n] for n in range(9)]) > P_VALUE


def test_bart_spans_are_poisson():
    """Lengths follow Poisson(3) with its empty spans, each behind one mask, none beside another."""
    texts = [long_text(3_000, seed) for seed in range(40)]
    lengths = []
    for row in corrupted(texts, "bart"):
        new, old = row["text"].split(), row["target"].split()
        assert row["target"] in texts
        lengths += _gaps(new, old)[:-1]  # the last one of a text is cut to fit
    counts = np.bincount(lengths, minlength=12)
    bins = [*counts[:9], counts[9:].sum()]
    chances = [math.exp(-3) * 3**n / math.factorial(n) for n in range(9)]
    expected = np.array([*chances, 1 - sum(chances)]) * len(lengths)
    assert chi_square_p(bins, expected) > P_VALUE


def _gaps(new, old):
    """Return how many words each mask stands for; the words between two masks are found by all of them."""
    found, at = [], 0
    pieces = " ".join(new).split("<mask>")
    for number, piece in enumerate(pieces):
        words = piece.split()
        place = (
            at
            if number == 0
            else next(n for n in range(at, len(old) + 1) if old[n : n + len(words)] == words and (words or number))
            if number < len(pieces) - 1 or words
            else len(old)
        )
        if number:
            found.append(place - at)
        at = place + len(words)
    return found


def test_prefix_is_cut_at_any_place_of_the_second_half():
    """A quarter of the text on average, evenly from one token to half of it."""
    rows = corrupted([long_text(40)] * 4_000, "prefix")
    sizes = Counter(len(row["target"].split()) for row in rows)
    assert set(sizes) == set(range(1, 20))
    assert evenly(list(sizes.values())) > P_VALUE


def test_ul2_mixes_its_denoisers():
    """R, S and X at 2 : 1 : 4, each with its own token, rate and span."""
    rows = corrupted([long_text(200)] * 3_500, "ul2")
    kinds = Counter(json.loads(row["extra"])["denoiser"] for row in rows)
    assert chi_square_p([kinds["R"], kinds["S"], kinds["X"]], [1000, 500, 2000]) > P_VALUE
    assert all(row["text"].startswith(f"[{json.loads(row['extra'])['denoiser']}] ") for row in rows)
    only = corrupted([long_text(200)] * 20, "ul2", mixture={"S": 1}, mode_tokens=False)
    assert all(row["text"] + row["target"] == long_text(200) for row in only)


LINE = "The quick brown fox jumps over the lazy dog and the five boxing wizards"


@pytest.mark.parametrize("noise", LETTERS)
def test_letters_change_at_the_rate_asked(noise):
    """Of the letters that can change, as many as asked, one or more in a text; the rest stays."""
    texts = [LINE] * 400
    letters = sum(sign.isalpha() for sign in LINE)
    rows = corrupted(texts, noise, rate=0.1)
    if noise in {"keyboard", "case"}:
        changed = sum(a != b for row in rows for a, b in zip(row["text"], LINE, strict=True))
        assert abs(changed / (400 * letters) - 0.1) < 0.0005
    assert len({row["text"] for row in rows}) > 390
    assert all(row["target"] == LINE for row in rows)


def test_keyboard_puts_a_key_beside_the_one_that_was_meant():
    """Neighbours on the layout, in the case of the letter; digits and signs stay."""
    for row in corrupted(["Call 555-0143, PLEASE: qwerty!"] * 300, "keyboard", rate=0.3):
        for old, new in zip("Call 555-0143, PLEASE: qwerty!", row["text"], strict=True):
            assert old.isalpha() or new == old
            assert old.isupper() == new.isupper()
    near = confusions("keyboard", "qwerty")
    keys = {chr(code) for code in near.first[ord("g")][: near.counts[ord("g")]]}
    assert keys == set("tyfhvb")
    german = confusions("keyboard", "qwertz")
    assert "y" not in {chr(code) for code in german.first[ord("t")][: german.counts[ord("t")]]}


@pytest.mark.parametrize("text", ["שלום עולם טוב", "مرحبا بالعالم", "привет мир", "καλημέρα κόσμε"])
def test_keyboard_knows_other_scripts(text):
    """A letter of a script becomes another of that script."""
    for row in corrupted([text] * 20, "keyboard"):
        assert row.get("reason") is None
        assert sum(a != b for a, b in zip(text, row["text"], strict=True)) == 1


def test_reading_errors_join_and_split_signs():
    """rn is read as m and m as rn, 0 as O; nothing else about the text changes."""
    found = {row["text"] for row in corrupted(["burn"] * 200, "ocr", rate=0.2)}
    assert "bum" in found
    assert "m".replace("m", "rn") in {row["text"] for row in corrupted(["m"] * 50, "ocr")}
    assert {row["text"] for row in corrupted(["1000 ok"] * 300, "ocr")} & {"1O00 ok", "10O0 ok", "100O ok"}


def test_dropped_letters_leave_every_word():
    """A letter is left out or struck twice; a word keeps its first letter."""
    for row in corrupted(["I am so a b cd"] * 200, "dropped", rate=0.9):
        assert [word[0] for word in row["text"].split()] == ["I", "a", "s", "a", "b", "c"]


@settings(max_examples=100)
@given(data=st.data(), mode=st.sampled_from([*TOKENS, *LETTERS]), seed=st.integers(0, 99), protect=st.booleans())
def test_spans_stay_on_their_words(data, mode, seed, protect):
    """What is left of the spans covers the same words; letters inside one are not touched unless asked."""
    text = data.draw(
        st.lists(st.sampled_from(["Ann", "paid", "5", "€", "😀", "שלום", "it's", ",", "x"]), min_size=1).map(" ".join)
    )
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    spans = [{"start": a, "end": b, "type": f"T{a}"} for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
    params = {"protect_spans": protect} if mode in LETTERS else {}
    row = corrupted([{"text": text, "spans": spans}], mode, run_seed=seed, **params)[0]
    words = {f"T{span['start']}": text[span["start"] : span["end"]] for span in spans}
    for span in row["spans"]:
        now = row["text"][span["start"] : span["end"]]
        if mode in LETTERS and not protect:
            assert 0 <= span["start"] <= span["end"] <= len(row["text"])
        else:
            assert now == words[span["type"]]
    if mode in LETTERS or row.get("reason"):
        assert len(row["spans"]) == len(spans)


def test_span_is_dropped_only_when_it_is_hit():
    """A span over a masked word goes, every other stays."""
    text = long_text(60)
    spans, at = [], 0
    for word in text.split():
        spans.append({"start": at, "end": at + len(word), "type": "W"})
        at += len(word) + 1
    for row in corrupted([{"text": text, "spans": spans}] * 20, "bert"):
        same = sum(a == b for a, b in zip(row["text"].split(), text.split(), strict=True))
        assert len(row["spans"]) == same


@pytest.mark.parametrize("mode", [*TOKENS, *LETTERS])
@pytest.mark.parametrize(
    ("seed", "reason"),
    [
        pytest.param({"text": None, "label": "x"}, "no_text", id="null"),
        pytest.param({"text": "ab", "spans": [{"start": 0, "end": 3, "type": "X"}]}, "bad_spans", id="out of range"),
        pytest.param({"text": " "}, "unchanged", id="space"),
        pytest.param({"text": ""}, "unchanged", id="empty"),
    ],
)
def test_seed_that_cannot_change_is_a_reason(mode, seed, reason):
    """A reject beside a good row, never an exception; nulls where the seed had nulls."""
    rows = corrupted([seed, {"text": "Some more words stand here, and on."}], mode)
    assert rows[0]["reason"] == reason
    assert rows[0]["text"] == seed["text"]
    assert rows[1]["reason"] in {None, "unchanged"}
    assert rows[1]["spans"] is None


@pytest.mark.parametrize("mode", [*TOKENS, *LETTERS])
def test_one_word_and_emoji_alone_work(mode):
    """A pair or `unchanged`."""
    for row in corrupted(["one", "👍🏽", "😀😀😀", "x"], mode):
        assert row.get("reason") in {None, "unchanged"}


@pytest.mark.parametrize("mode", [*TOKENS, *LETTERS])
def test_text_of_a_megabyte_takes_seconds(mode):
    """Two hundred thousand words, thousands of spans."""
    text = "wordy " * 170_000
    started = time.process_time()
    row = corrupted([text], mode)[0]
    assert time.process_time() - started < 10
    assert row.get("reason") is None
    assert len(row["text"]) > 100_000


@pytest.mark.parametrize("mode", ["t5", "ul2", "bert", "bart"])
def test_text_that_holds_a_marker_is_rejected(mode):
    """What could not be told from ours afterwards is not corrupted."""
    text = "some <extra_id_7> and [MASK] and <mask> here"
    assert corrupted([text], mode)[0]["reason"] == "marker_in_text"


def test_more_spans_than_sentinels_is_a_reason():
    """T5 knows a hundred; a text that needs more is rejected where the limit is given."""
    rows = corrupted([long_text(5_000), long_text(50)], "t5", max_sentinels=100)
    assert [row["reason"] for row in rows] == ["too_many_spans", None]
    assert corrupted([long_text(5_000)], "t5")[0].get("reason") is None


@pytest.fixture(scope="module")
def tokenizers_of(tmp_path_factory):
    """Return small tokenizers of both great families, trained here."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `models` (tokenizers)")
    from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

    lines = [long_text(300, seed) + " the unbelievable café, naïve 👍🏽 words!" for seed in range(4)]
    folder = tmp_path_factory.mktemp("tokenizers")
    word_piece = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - a token of text
    word_piece.normalizer, word_piece.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    word_piece.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    word_piece.train_from_iterator(lines, trainers.WordPieceTrainer(vocab_size=150, special_tokens=special))
    bytes_ = tokenizers.Tokenizer(models.BPE())
    bytes_.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_.decoder = decoders.ByteLevel()
    bytes_.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=400, special_tokens=["<mask>"]))
    places = {}
    for name, tokenizer in (("wordpiece", word_piece), ("bytes", bytes_)):
        places[name] = folder / f"{name}.json"
        tokenizer.save(str(places[name]))
    return places


@pytest.mark.parametrize("kind", ["wordpiece", "bytes"])
@pytest.mark.parametrize("mode", TOKENS)
def test_any_tokenizer_gives_the_original_back(tokenizers_of, kind, mode):
    """Tokens are places in the text, so accents, case and emoji that a tokenizer changes are not lost."""
    texts = [long_text(40, seed) + " Unbelievable café,\n NAÏVE  👍🏽 words!" for seed in range(20)]
    rows = corrupted(texts, mode, tokenizer=str(tokenizers_of[kind]))
    for text, row in zip(texts, rows, strict=True):
        assert row.get("reason") is None
        assert original(row, mode) == text


def test_tokenizer_tokens_are_chosen_at_the_rate(tokenizers_of):
    """The rate counts the tokenizer's tokens; whole words go together where asked."""
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra `models` (tokenizers)")
    tokenizer = tokenizers.Tokenizer.from_file(str(tokenizers_of["wordpiece"]))
    texts = [long_text(200, seed) for seed in range(60)]
    total = sum(len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False))
    place = str(tokenizers_of["wordpiece"])
    chosen = [json.loads(row["extra"])["masked"] for row in corrupted(texts, "bert", tokenizer=place)]
    assert abs(sum(map(len, chosen)) / total / 0.15 - 1) < 0.005
    for text, row in zip(texts, corrupted(texts, "bert", tokenizer=place, whole_word=True), strict=True):
        covered = {n for start, end in json.loads(row["extra"])["masked"] for n in range(start, end)}
        for word in re.finditer(r"\S+", text):
            assert len(covered & set(range(*word.span()))) in {0, len(word[0])}


def test_changed_tokenizer_file_is_noticed(tokenizers_of, tmp_path):
    """The digest is part of the params, so of the cache key; another file under the name is an error."""
    place = tmp_path / "tokenizer.json"
    place.write_bytes(tokenizers_of["wordpiece"].read_bytes())
    params = Params.model_validate({"mode": "t5", "tokenizer": "tokenizer.json"}, context={"base": tmp_path})
    again = Params.model_validate(params.model_dump(exclude_unset=True), context={"base": None})
    assert again == params
    assert params.tokenizer == str(place.resolve())
    place.write_bytes(tokenizers_of["bytes"].read_bytes())
    other = Params.model_validate({"mode": "t5", "tokenizer": str(tmp_path)}, context={"base": tmp_path})
    assert other.tokenizer_digest != params.tokenizer_digest
    with pytest.raises(RecipeError, match="is not the file that this run began with"):
        check(params)
    place.write_text("{}")
    with pytest.raises(RecipeError, match="is no tokenizers JSON file"):
        check(Params.model_validate({"mode": "t5", "tokenizer": str(place)}))


def test_folder_without_a_tokenizer_is_one_clear_error(tmp_path):
    """The message names it, and the other ways; a hub id goes the same way."""
    pytest.importorskip("transformers", reason="needs the extra `models` (transformers)")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(
        RecipeError, match=r"cannot load tokenizer '.*'.*give a tokenizers JSON file, or leave `tokenizer`"
    ):
        corrupted(["a b"], "t5", tokenizer=str(tmp_path))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"mode": "electra"}, "Input should be 'bert', 't5'", id="mode"),
        pytest.param({"mode": "bert", "rate": 1.5}, "less than 1", id="rate"),
        pytest.param({"mode": "ul2", "rate": 0.5}, "rate is not for mode 'ul2'", id="ul2 rate"),
        pytest.param({"mode": "bert", "mean_span": 5}, "mean_span is for t5 and bart, not for mode 'bert'", id="span"),
        pytest.param({"mode": "t5", "sentinel": "<x>"}, "needs one {} for its number", id="sentinel"),
        pytest.param({"mode": "bert", "whole_word": True}, "whole_word needs a `tokenizer`", id="whole word"),
        pytest.param({"mode": "t5", "tokenizer": "no/such/tok.json"}, "no such tokenizer file", id="file"),
        pytest.param({"mode": "case", "tokenizer": "gpt2"}, "tokenizer is for bert", id="tokenizer"),
        pytest.param({"mode": "ul2", "mixture": {"R": 0}}, "not all 0", id="mixture"),
        pytest.param({"mode": "t5", "protect_spans": True}, "protect_spans is for keyboard", id="protect"),
    ],
)
def test_wrong_params_are_refused(params, message):
    """Each says what is wrong and what would do."""
    with pytest.raises(ValidationError, match=message):
        Params(**params)


def test_another_process_gives_the_same_bytes():
    """Nothing rests on the order of a set or on Python's hashes."""
    script = (
        "import hashlib; from tests.builders import make, seeds_of\n"
        f"seeds = seeds_of([{{'text': text}} for text in [{LINE!r}, 'it costs 5 euros, they said', 'x y z']])\n"
        f"made = [make('token_corruption', {{'mode': mode}}, 90, seeds=seeds) for mode in {[*TOKENS, *LETTERS]}]\n"
        "print(hashlib.sha256(repr([m.records.to_pylist() for m in made]).encode()).hexdigest())"
    )
    one, two = (
        subprocess.run([sys.executable, "-c", script], env={"PYTHONHASHSEED": seed}, capture_output=True, check=True)
        for seed in "12"
    )
    assert len(one.stdout) == 65
    assert one.stdout == two.stdout


@settings(max_examples=60)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=12), share=st.floats(0, 1), seed=st.integers(0, 2**32))
def test_choices_have_the_counts_asked(sizes, share, seed):
    """As many places of each row as asked, and parts that sum to their totals."""
    rng = np.random.default_rng(seed)
    sizes = np.array(sizes)
    counts = (sizes * share).astype(np.int64)
    mask = choose(rng, sizes, counts)
    assert [int(part.sum()) for part in np.split(mask, np.cumsum(sizes)[:-1])] == counts.tolist()
    made = parts(rng, sizes + 1, counts + 1)
    assert made.min() >= 1
    assert [int(part.sum()) for part in np.split(made, np.cumsum(counts + 1)[:-1])] == (sizes + 1).tolist()
    wanted = sizes * share
    whole = rounded(rng, wanted)
    assert np.all((whole >= np.floor(wanted - 1e-9)) & (whole <= np.ceil(wanted + 1e-9)))
    assert abs(whole.sum() - wanted.sum()) < 1 + 1e-6


def test_every_set_of_places_is_as_likely():
    """Two of five places: ten sets, evenly; compositions of seven in three parts: fifteen, evenly."""
    rng = np.random.default_rng(0)
    sets = choose(rng, np.full(20_000, 5), np.full(20_000, 2)).reshape(-1, 5) @ (1 << np.arange(5))
    assert evenly(np.unique(sets, return_counts=True)[1]) > P_VALUE
    assert np.unique(sets).size == 10
    made = parts(rng, np.full(20_000, 7), np.full(20_000, 3)).reshape(-1, 3) @ np.array([100, 10, 1])
    assert np.unique(made).size == 15
    assert evenly(np.unique(made, return_counts=True)[1]) > P_VALUE
