"""Where synonyms come from: the shipped lexicon, WordNet's files, MyThes, a lexicon of `wn`."""

import re
from pathlib import Path

import pytest

from tasks.core.errors import RecipeError
from tasks.core.settings import settings
from tasks.methods.augment._lexicon_sources import HOMES, thesaurus
from tasks.methods.augment._synonyms import lookup
from tests.builders import make, seeds_of, texts

needs_wordnet = pytest.mark.skipif(
    not Path(HOMES["wordnet"], "data.noun").is_file(), reason="needs the Debian package wordnet-base"
)
needs_mythes = pytest.mark.skipif(not Path(HOMES["mythes"]).is_file(), reason="needs the Debian package mythes-en-us")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Compiled thesauri go to a folder of their own."""
    from tasks.methods.augment import _lexicon_sources

    patch = pytest.MonkeyPatch()
    patch.setenv("TILTH_HOME", str(tmp_path_factory.mktemp("home")))
    settings.cache_clear()
    _lexicon_sources.opened.cache_clear()
    yield
    patch.undo()
    settings.cache_clear()
    _lexicon_sources.opened.cache_clear()


def replaced(text, draws=30, **params):
    """Return the different texts that many draws give."""
    seeds = seeds_of([{"text": text}])
    return set(texts(make("synonym_replacement", {"rate": 1.0, **params}, draws, seeds=seeds)))


def test_lexicon_has_at_least_800_headwords():
    """Each with a part of speech; none stands for itself."""
    known = thesaurus("lexicon", None)
    heads = {key for key in known.keys if key[0] in "npvar"}
    assert len({key[2:] for key in heads}) >= 800
    for key in heads:
        for sense in known.senses(key[0], key[2:]):
            assert known.members(sense)
            assert key[2:] not in known.members(sense)


def test_lexicon_lists_each_line_once_in_its_format():
    """Columns, parts of speech, no double spaces, no doubled words."""
    text = (Path(__file__).parents[2] / "tasks/methods/augment/lexicon.tsv").read_text(encoding="utf-8")
    lines = [line.split("\t") for line in text.splitlines() if not line.startswith("#")]
    assert all(parts[0] in {"n", "p", "v", "a", "r", "only", "fixed"} for parts in lines)
    for parts in lines:
        for cell in parts[1:]:
            words = cell.split(", ")
            assert len(words) == len(set(words))
            assert all(re.fullmatch(r"[A-Za-z]+(?:[-' ][A-Za-z]+)*", word) for word in words)
    heads = [tuple(parts[:2]) for parts in lines if parts[0] in {"n", "p", "v", "a", "r"}]
    plain = [tuple(parts[:2]) for parts in lines if parts[0] in {"n", "p", "v", "a", "r"} and len(parts) == 3]
    assert len(plain) == len(set(plain))
    assert len(heads) - len(set(heads)) <= 10


def test_every_synonym_of_the_lexicon_can_be_inflected_with_its_headword():
    """No word is listed that could never come in: each has the base form, each verb its past."""
    from tasks.methods.augment import _synonyms_forms as forms

    known = thesaurus("lexicon", None)
    for key in known.keys:
        for sense in known.senses("v", key[2:]) if key[0] == "v" else ():
            for word in known.members(sense):
                assert forms.inflected(word, "VBD", "v")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bigger", ("larger",)),
        ("jogging", ("running",)),
        ("parcels", ("packages",)),
        ("zzz", ()),
        ("not", ()),
        ("", ()),
    ],
)
def test_lookup_inflects_single_words(word, expected):
    """Without context: the first reading that has synonyms."""
    assert lookup([word]) == [expected]


@pytest.mark.slow
@needs_wordnet
@pytest.mark.usefixtures("home")
def test_wordnet_is_read_from_its_files():
    """Senses in order of frequency, counts, glosses, no names, adjectives after `be` only as headwords."""
    known = thesaurus("wordnet", None)
    first = known.senses("n", "car")[0]
    assert known.members(first)[:3] == ["car", "auto", "automobile"]
    assert known.count[first] == 71
    assert "engine" in [known.words[i] for i in known.cues(first)]
    assert not any(known.members(sense) for sense in known.senses("n", "paris"))
    assert "afraid" not in known.members(known.senses("a", "afraid")[0])
    assert "ice cream" in known.fixed
    assert known.rank("n", "auto", "car", first) == 1
    assert known.rank("n", "house", "car", first) is None


@pytest.mark.slow
@needs_wordnet
@pytest.mark.usefixtures("home")
def test_wordnet_is_compiled_once_and_reads_the_same_again():
    """The artifact holds what the files gave."""
    from tasks.methods.augment import _lexicon_sources

    known = thesaurus("wordnet", None)
    folder = settings().work / "artifacts" / "thesaurus"
    (one,) = folder.iterdir()
    before = one.stat().st_mtime_ns
    _lexicon_sources.opened.cache_clear()
    again = thesaurus("wordnet", None)
    assert one.stat().st_mtime_ns == before
    assert again.keys == known.keys
    assert again.words == known.words
    assert (again.member == known.member).all()
    assert (again.cue_at == known.cue_at).all()


@pytest.mark.slow
@needs_wordnet
@pytest.mark.usefixtures("home")
def test_wordnet_gives_inflected_synonyms_that_are_near():
    """Seen in that sense, and among the synonym's most frequent ones."""
    cars = ("autos", "automobiles", "motorcars")
    assert replaced("He bought two cars.", source="wordnet") == {f"He purchased two {car}." for car in cars}
    assert not any("machine" in made for made in replaced("Those cars stopped.", source="wordnet", draws=60))


@pytest.mark.slow
@needs_wordnet
@pytest.mark.usefixtures("home")
def test_wordnet_sense_follows_the_gloss():
    """Lesk: the words around speak for a sense other than the most frequent one."""
    text, far = "A car with its hood open over the engine.", {"max_sense_rank": 3, "min_count": 0, "draws": 80}
    assert any("bonnet" in made for made in replaced(text, source="wordnet", **far))
    assert not any("bonnet" in made for made in replaced(text, source="wordnet", sense="first", **far))


@pytest.mark.slow
@needs_mythes
@pytest.mark.usefixtures("home")
def test_mythes_terms_with_a_remark_do_not_come_in():
    """Broader, similar and opposite terms tell the sense only."""
    known = thesaurus("mythes", None)
    first = known.senses("n", "car")[0]
    assert "automobile" in known.members(first)
    assert not any("(" in word or "vehicle" in word for word in known.members(first))
    assert "He purchased an automobile." in replaced("He bought a car.", source="mythes", draws=60)


# A WordNet of three synsets, in its own format.
TINY = {
    "data.noun": [
        "  1 A licence.",
        '00000020 06 n 02 parcel 0 package 0 000 | a box that is sent by post; "he sent two parcels"  ',
        "00000100 15 n 02 parcel 1 plot 0 000 | a piece of land with a fence around the garden  ",
    ],
    "index.noun": [
        "  1 A licence.",
        "package n 1 0 1 1 00000020  ",
        "parcel n 2 0 2 1 00000020 00000100  ",
        "parcel_post n 1 0 1 0 00000100  ",
        "plot n 1 0 1 1 00000100  ",
    ],
    "data.adj": ["00000020 00 a 02 glad(p) 0 happy 0 000 | feeling joy  "],
    "index.adj": ["glad a 1 0 1 1 00000020  ", "happy a 1 0 1 1 00000020  "],
    "cntlist.rev": ["parcel%1:06:00:: 1 9", "package%1:06:00:: 1 4", "plot%1:15:00:: 1 2", "happy%3:00:00:: 1 5"],
}


@pytest.fixture
def tiny(tmp_path, home):
    """A folder with the files of a WordNet of three synsets."""
    for kind in ("data", "index"):
        for pos in ("noun", "verb", "adj", "adv"):
            (tmp_path / f"{kind}.{pos}").write_text("", encoding="utf-8")
    for name, lines in TINY.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(tmp_path)


@pytest.mark.parametrize(
    ("text", "params", "expected"),
    [
        ("He sent two parcels.", {}, {"He sent two packages."}),
        ("He sent two parcels.", {"min_count": 5}, set()),
        (
            "The garden has a fence around the parcels of land.",
            {},
            {"The garden has a fence around the plots of land."},
        ),
        (
            "The garden has a fence around the parcels of land.",
            {"sense": "first"},
            {"The garden has a fence around the packages of land."},
        ),
        ("They use parcel post now.", {}, set()),
        ("She is glad.", {}, {"She is happy."}),
        ("She is happy.", {}, set()),
    ],
    ids=[
        "inflected",
        "too rare",
        "by the gloss",
        "first sense",
        "collocation",
        "predicative head",
        "predicative synonym",
    ],
)
def test_wordnet_files_are_read_as_their_format_says(tiny, text, params, expected):
    """Senses, counts, glosses, collocations, syntactic markers."""
    assert replaced(text, source="wordnet", source_path=tiny, **params) == expected


def test_mythes_file_is_read_as_its_format_says(tmp_path, home):
    """Terms with a remark do not come in."""
    lines = [
        "UTF-8",
        "parcel|1",
        "(noun)|package|container (generic term)",
        "package|1",
        "(noun)|parcel|box (similar term)",
    ]
    (tmp_path / "th.dat").write_text("\n".join(lines) + "\n", encoding="utf-8")
    made = replaced("He sent two parcels.", source="mythes", source_path=str(tmp_path / "th.dat"))
    assert made == {"He sent two packages."}


LMF = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE LexicalResource SYSTEM "http://globalwordnet.github.io/schemas/WN-LMF-1.0.dtd">
<LexicalResource xmlns:dc="http://purl.org/dc/elements/1.1/">
  <Lexicon id="tiny" label="tiny" language="LANG" email="a@example.org" license="CC0" version="1">
    ENTRIES
    <Synset id="tiny-1-n" ili="" partOfSpeech="n"><Definition>a box that is sent by post</Definition></Synset>
    <Synset id="tiny-2-v" ili="" partOfSpeech="v"><Definition>get for money</Definition></Synset>
  </Lexicon>
</LexicalResource>
"""
ENTRY = (
    '<LexicalEntry id="tiny-{0}"><Lemma writtenForm="{0}" partOfSpeech="{1}"/>'
    '<Sense id="tiny-{0}-s" synset="{2}"/></LexicalEntry>'
)


@pytest.fixture
def wn_database(tmp_path, home):
    """A `wn` database with a lexicon of four words."""
    wn = pytest.importorskip("wn", reason="needs the package wn")
    before = wn.config.data_directory
    wn.config.data_directory = tmp_path / "wn"
    words = (
        ("parcel", "n", "tiny-1-n"),
        ("package", "n", "tiny-1-n"),
        ("buy", "v", "tiny-2-v"),
        ("purchase", "v", "tiny-2-v"),
    )
    entries = "\n".join(ENTRY.format(*word) for word in words)
    path = tmp_path / "tiny.xml"
    path.write_text(LMF.replace("LANG", "en").replace("ENTRIES", entries), encoding="utf-8")
    wn.add(path, progress_handler=None)
    yield wn
    wn.config.data_directory = before


def test_wn_lexicon_gives_its_synonyms(wn_database):
    """Any lexicon that the user installed, without a network."""
    made = replaced("He bought these parcels.", source="wn", source_path="tiny:1")
    assert made == {"He purchased these packages."}


def test_wn_lexicon_that_is_not_installed_names_those_that_are(wn_database):
    """And how to get it."""
    with pytest.raises(RecipeError, match=r"lexicon 'oewn:2024' is not installed; have: tiny:1; python -m wn download"):
        replaced("x", source="wn")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"source": "wordnet", "source_path": "/nowhere"}, "no data.noun in '/nowhere'; apt-get install wordnet-base"),
        ({"source": "mythes", "source_path": "/nowhere"}, "no thesaurus at '/nowhere'; apt-get install mythes-en-us"),
    ],
)
def test_missing_source_names_its_package_and_the_others(params, message):
    """One line, before anything is spent."""
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        replaced("x", **params)
    assert "other sources: lexicon" in str(caught.value)


@pytest.mark.parametrize("content", ["UTF-8\nnot an entry\n", "no encoding\nx|1\n"])
def test_file_that_is_no_thesaurus_is_refused(tmp_path, home, content):
    """One line that names the file."""
    path = tmp_path / "th.dat"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match="is not a MyThes thesaurus"):
        replaced("x", source="mythes", source_path=str(path))


def test_missing_lemminflect_is_a_recipe_error(monkeypatch):
    """It says what to install."""
    import sys

    from tasks.methods.augment._lexicon import lemmatizer

    monkeypatch.setitem(sys.modules, "lemminflect", None)
    with pytest.raises(RecipeError, match=r"lemminflect, which is not installed; pip install 'tilth\[text\]'"):
        lemmatizer()
