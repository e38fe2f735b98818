"""One small set of params for every method there is: the contract tests and others draw from these."""

from collections.abc import Callable, Sequence
from typing import Any

from tasks.core.engine import Request
from tests.builders import seeds_of
from tests.methods.augment_answers import back_translation_answer, paraphrase_answer
from tests.methods.chat_answers import preference_answer, prompt_answer, rephrase_answer
from tests.methods.instruct_answers import evol_instruct_answer, self_instruct_answer

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
    "ngram": {"order": 3, "temperature": 1.2, "max_verbatim": 9},
    "vae": {"hidden": 16, "latent": 4, "min_count": 1, "max_steps": 10, "mode": "neighbours"},
    "gan": {"hidden": 16, "judge_width": 8, "min_count": 1, "max_steps": 10, "judge_steps": 2, "adversarial_steps": 1},
    "finetune": {
        "fresh": {"width": 32, "layers": 1, "heads": 1, "feed_forward": 64, "vocabulary": 400},
        "context": 64,
        "max_steps": 8,
        "threads": 1,
        "max_tokens": 12,
    },
    "self_instruct": {"new_instructions": 3},
    "evol_instruct": {"generations": 2},
    "prompt": {
        "instruction": "Write a message to the support desk.",
        "shots": 2,
        "select": "diverse",
        "attributes": {"topic": ["delivery", "billing"], "tone": {"weighted": {"calm": 3, "angry": 1}}},
        "label": "topic",
    },
    "rephrase": {"styles": ["easy", "medium"]},
    "grounded_qa": {"pairs": 1},
    "judge": {"rubric": {"clear": "a newcomer understands it"}, "repeats": 2, "min_score": 2},
    "preference": {"answers": 3},
}

# A second set, as `method:what`, for a method that makes its records in two ways.
VARIANTS: dict[str, dict[str, Any]] = {
    "back_translation:llm": {"engine": "llm", "pivots": ["Spanish", "German"]},
    "paraphrase:llm": {"model": "llm", "candidates": 2},
}

# What an engine answers to a method's prompts, one of the texts or as a function of the request.
ANSWERS: dict[str, Sequence[str] | Callable[[Request], str]] = {
    "back_translation": back_translation_answer,
    "paraphrase": paraphrase_answer,
    "self_instruct": self_instruct_answer,
    "evol_instruct": evol_instruct_answer,
    "prompt": prompt_answer,
    "rephrase": rephrase_answer,
    "grounded_qa": (
        '[{"question": "What is wrong?", "answer": "It is small.", "evidence": "It is too small."}]',
        '[{"question": "What is asked?", "answer": "A call.", "evidence": "Please call me."}]',
        '[{"question": "How can I help?", "answer": "By a call.", "evidence": "Please call me."}]',
    ),
    "judge": ('{"clear": 4}', '{"clear": 3}', '{"clear": 1}'),
    "preference": preference_answer,
}

SEEDS = seeds_of(
    [
        {"text": f"The {word} arrived on day {n}. It is too small. Please call me.", "label": "late"}
        for n, word in enumerate("abcdefgh")
    ]
)
