"""Which words `random_insertion` puts in, and where."""

from collections import Counter
from itertools import pairwise

import pytest
from pydantic import ValidationError

from tasks.core.errors import RecipeError
from tests.builders import make, seeds_of, texts

TEN = "one two three four five six seven eight nine ten"


@pytest.mark.parametrize(("params", "more"), [({}, 1), ({"count": 4}, 4), ({"rate": 0.5}, 5), ({"count": 99}, 10)])
def test_so_many_words_come_in(params, more):
    """The text's own words stay, in order; as many as it has words at most."""
    seeds = seeds_of([{"text": TEN}])
    for text in texts(make("random_insertion", {"words": ["x", "y"], **params}, 20, seeds=seeds)):
        words = text.split()
        assert [word for word in words if word not in "xy"] == TEN.split()
        assert len(words) == 10 + more


def test_every_place_before_a_word_is_as_likely():
    """As in the paper, no word comes after the last."""
    made = Counter(texts(make("random_insertion", {"words": ["x"]}, 8_000, seeds=seeds_of([{"text": "a b c d"}]))))
    assert set(made) == {"x a b c d", "a x b c d", "a b x c d", "a b c x d"}
    assert all(abs(count - 2000) < 5 * (8_000 * 3 / 16) ** 0.5 for count in made.values())


def test_words_of_the_text_come_again():
    """Not beside themselves, no function words, no numbers; a borrowed capital is left behind."""
    seed = "Another parcel arrived with 12 dents and we were late."
    for text in texts(make("random_insertion", {"words": "text"}, 300, seeds=seeds_of([{"text": seed}]))):
        words = [word.strip(".").lower() for word in text.split()]
        new = Counter(words) - Counter(seed.strip(".").lower().split())
        assert new.total() == 1
        assert set(new) <= {"parcel", "arrived", "dents", "late"}
        assert all(one != two for one, two in pairwise(words))
        assert text.endswith(".")
        assert text[0].isupper()


def test_synonyms_fit_the_words_of_the_text():
    """Of the lexicon, inflected as there: `package` where `parcel` stands."""
    seed = seeds_of([{"text": "The parcel came quickly to our door."}])
    made = texts(make("random_insertion", {}, 100, seeds=seed))
    new = {word for text in made for word in text.rstrip(".").lower().split()}
    assert "package" in new
    assert len(made) == 100


def test_a_source_that_is_not_there_is_named():
    """With the package that installs it, before anything is drawn."""
    params = {"source": "wordnet", "source_path": "/nowhere"}
    with pytest.raises(RecipeError, match="apt-get install wordnet-base"):
        make("random_insertion", params, 1, seeds=seeds_of([{"text": "a b"}]))


WRONG = {
    "unknown source of words": ("synonym", "unknown words 'synonym'; did you mean 'synonyms'"),
    "empty list": ([], "words: a list of words without empty ones"),
    "empty word": (["a", " "], "words: a list of words without empty ones"),
}


@pytest.mark.parametrize(("words", "message"), WRONG.values(), ids=WRONG.keys())
def test_wrong_words_say_what_is_wrong(words, message):
    """In one line."""
    with pytest.raises(ValidationError, match=message):
        make("random_insertion", {"words": words}, 1, seeds=seeds_of([{"text": "a b"}]))
