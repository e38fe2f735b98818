"""From seeds to documents of tokens: texts, prompts with their completions, chats."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.methods.llm._finetune_pack import Documents, documents

# Words of a text seed that are kept for drawing, and words of a run by which copies are found.
OPENING_WORDS = 64
_GRAM = 8

Layout = Literal["text", "pair", "chat"]
Message = dict[str, str]

# For a tokenizer without a template of its own: a line that names who speaks, and the end of text after each turn.
PLAIN_TEMPLATE = (
    "{{ bos_token if bos_token else '' }}{% for message in messages %}"
    "{{ message['role'] }}:\n{{ message['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:\n{% endif %}"
)


@dataclass(slots=True)
class Corpus:
    """What the seeds hold: `texts`, or `chats` (a pair is a chat of two turns)."""

    layout: Layout
    texts: list[str] = field(default_factory=list)
    chats: list[list[Message]] = field(default_factory=list)
    empty: int = 0

    def __len__(self) -> int:
        return len(self.texts) or len(self.chats)

    def written(self) -> list[str]:
        """Return what the model learns to write: a text, or the assistant's turns."""
        if self.layout == "text":
            return self.texts
        return ["\n".join(turn["content"] for turn in chat if turn["role"] == "assistant") for chat in self.chats]


def read(seeds: Iterable[pa.RecordBatch]) -> Corpus:
    """Return the corpus of the seeds, equal ones once: chats where any has messages, pairs where any has a target."""
    batches = list(seeds)
    have = {name: any(b.column(name).null_count < len(b) for b in batches) for name in ("messages", "target")}
    layout: Layout = "chat" if have["messages"] else "pair" if have["target"] else "text"
    corpus = Corpus(layout)
    known: set[str] = set()
    for batch in batches:
        columns = [batch.column(name).to_pylist() for name in ("id", "text", "target", "messages")]
        for identity, text, target, messages in zip(*columns, strict=True):
            if identity not in known:
                known.add(identity)
                _add(corpus, text, target, messages)
    return corpus


def _add(corpus: Corpus, text: str | None, target: str | None, messages: list[Message] | None) -> None:
    if corpus.layout == "text":
        if (text or "").strip():
            corpus.texts.append(text or "")
        else:
            corpus.empty += 1
        return
    chat = messages or [{"role": "user", "content": text or ""}, {"role": "assistant", "content": target or ""}]
    if any(turn["role"] == "assistant" and (turn["content"] or "").strip() for turn in chat):
        corpus.chats.append([{"role": turn["role"], "content": turn["content"] or ""} for turn in chat])
    else:
        corpus.empty += 1


def tokenized(corpus: Corpus, tokenizer: Any, *, learn: str) -> Documents:
    """Return one document a text or chat; `learn` is `completion` (the assistant's turns) or `all`."""
    if corpus.layout == "text":
        return _texts(corpus.texts, tokenizer)
    pieces = [_pieces(chat, tokenizer) for chat in corpus.chats]
    flat = [text for chat in pieces for text, _ in chat]
    coded = iter(tokenizer(flat, add_special_tokens=False)["input_ids"]) if flat else iter(())
    parts = []
    for chat in pieces:
        ids: list[int] = []
        learned: list[bool] = []
        for _, answered in chat:
            tokens = next(coded)
            ids += tokens
            learned += [answered or learn == "all"] * len(tokens)
        parts.append((ids, learned))
    return documents(parts)


def _texts(texts: Sequence[str], tokenizer: Any) -> Documents:
    end = [tokenizer.eos_token_id]
    coded = tokenizer(list(texts))["input_ids"]
    # A document starts with something: without a token of its own for that, the end of the one before it.
    head = [] if tokenizer.bos_token_id is not None and coded and coded[0][:1] == [tokenizer.bos_token_id] else end
    whole = [[*head, *ids, *(end if ids[-1:] != end else [])] for ids in coded]
    return documents([(ids, [True] * len(ids)) for ids in whole])


def _pieces(chat: Sequence[Message], tokenizer: Any) -> list[tuple[str, bool]]:
    """Return the pieces of a rendered chat, and whether each is a turn of the assistant.

    They are tokenized apart, as the prompt and the completion are when the model writes. A template that renders an
    earlier turn otherwise once more follow gives the last answer alone.
    """
    done, pieces = "", []
    for place, turn in enumerate(chat):
        if turn["role"] == "assistant":
            asked = prompt(chat[:place], tokenizer)
            answered = _render(chat[: place + 1], tokenizer)
            if not answered.startswith(asked):
                answered = asked + turn["content"] + tokenizer.eos_token
            pieces = [*pieces, (asked[len(done) :], False)] if asked.startswith(done) else [(asked, False)]
            pieces.append((answered[len(asked) :], True))
            done = answered
    return [piece for piece in pieces if piece[0]]


def prompt(chat: Sequence[Message], tokenizer: Any) -> str:
    """Return a chat as the model reads it before it writes the assistant's next turn."""
    return tokenizer.apply_chat_template(list(chat), tokenize=False, add_generation_prompt=True)


def _render(chat: Sequence[Message], tokenizer: Any) -> str:
    return tokenizer.apply_chat_template(list(chat), tokenize=False)


def turn_ends(tokenizer: Any) -> tuple[str, str, list[int]]:
    """Return what stands before and after a user's turn, and the tokens that end a turn (the tokenizer's end of text
    among them).
    """
    user, answer = "\x02", "\x03"
    chat = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    whole = _render(chat, tokenizer)
    head, _, rest = whole.partition(user)
    middle, _, tail = rest.partition(answer)
    after = tokenizer(tail, add_special_tokens=False)["input_ids"][:1]
    special = [
        token for token in after if token in tokenizer.all_special_ids or token in tokenizer.added_tokens_decoder
    ]
    return head, middle, list(dict.fromkeys([*special, tokenizer.eos_token_id]))


def openings(corpus: Corpus) -> list[Any]:
    """Return what drawing may start from: the first words of a text, or a chat up to its last answer."""
    if corpus.layout == "text":
        return list(dict.fromkeys(" ".join(text.split()[:OPENING_WORDS]) for text in corpus.texts))
    return [chat[: max(at for at, turn in enumerate(chat) if turn["role"] == "assistant")] for chat in corpus.chats]


_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def grams(texts: Sequence[str], size: int = _GRAM) -> tuple[np.ndarray[Any, np.dtype[np.uint64]], np.ndarray[Any, Any]]:
    """Return a 64-bit hash of each run of `size` words (a shorter text is one run), and the text that each is of.

    Capitals and white space do not count.
    """
    import xxhash  # noqa: PLC0415 - keeps the module's own imports light

    lists = pc.utf8_split_whitespace(pc.utf8_lower(pc.utf8_trim_whitespace(pa.array(list(texts), pa.string()))))
    coded = lists.flatten().dictionary_encode()
    hashes = np.array([xxhash.xxh3_64_intdigest(word.encode()) for word in coded.dictionary.to_pylist()], np.uint64)
    word = hashes[coded.indices.to_numpy(zero_copy_only=False)] if len(coded) else np.zeros(0, np.uint64)
    counts = pc.list_value_length(lists).to_numpy(zero_copy_only=False).astype(np.int64)
    blank = np.array([not text.strip() for text in texts], bool)  # Arrow splits nothing into one empty word
    word, counts = word[~np.repeat(blank, counts)], np.where(blank, 0, counts)
    starts = np.concatenate([[0], np.cumsum(counts)])
    runs = np.maximum(counts - size + 1, np.minimum(counts, 1))
    row = np.repeat(np.arange(len(counts)), runs)
    first = starts[:-1][row] + np.arange(len(row)) - np.repeat(np.cumsum(runs) - runs, runs)
    out = np.zeros(len(row), np.uint64)
    for step in range(size):
        inside = first + step < starts[row + 1]
        out[inside] = (out[inside] ^ word[(first + step)[inside]]) * _MULTIPLIER
        out ^= out >> np.uint64(29)
    return out, row
