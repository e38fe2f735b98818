"""One small set of params for every method there is: the contract tests and others draw from these."""

from typing import Any

from tests.builders import seeds_of

EXAMPLES: dict[str, dict[str, Any]] = {
    "template": {
        "template": "{{ product }} number {{ n }} {{ verb }}",
        "slots": {
            "product": ["Router", "Kettle"],
            "n": {"range": [1, 1_000_000]},
            "verb": {"weighted": {"hums": 3, "beeps": 1}},
        },
    },
    "cfg": {"grammar": "S -> 'a' S | 'b' S | 'c'", "max_depth": 40},
    "json_schema": {
        "schema": {
            "type": "object",
            "properties": {"id": {"type": "integer", "minimum": 0}, "email": {"type": "string", "format": "email"}},
            "required": ["id", "email"],
        }
    },
    "code": {"task": "arithmetic"},
    "synonym_replacement": {},
    "eda": {},
    "random_deletion": {},
    "random_insertion": {"words": ["today", "again", "early"]},
    "word_shuffle": {},
    "sentence_shuffle": {},
    "back_translation": {"alternatives": 0.5, "sentences": 0.5, "max_chrf": 100},
    "paraphrase": {"train_steps": 12, "candidates": 2, "outside": "try"},
    "token_corruption": {"mode": "bert"},
    "value_perturbation": {},
    "pii_mask": {"ner": "none", "patterns": {"DAY_NUMBER": r"day \d+"}, "operators": {"DAY_NUMBER": "format"}},
}

SEEDS = seeds_of(
    [
        {"text": f"The {word} arrived on day {n}. It is too small. Please call me.", "label": "late"}
        for n, word in enumerate("abcdefgh")
    ]
)
