"""The texts of derivation trees: where each leaf goes, what stands between two, and the trees in brackets."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks.core.errors import ShardError
from tasks.methods.rules._cfg_expand import Trees
from tasks.methods.rules._cfg_machine import Codes, Ints, Machine, offsets_of
from tasks.methods.rules._grammar_tracery import modified

# What the 32-bit offsets of Arrow's strings reach.
MAX_BYTES = (1 << 31) - 1


def texts(made: Machine, trees: Trees) -> pa.StringArray:
    """Return one text a row."""
    places, sizes, total = _layout(made, trees, brackets=False)
    tokens = _leaves(trees, places, total)
    strings = made.texts
    if any(made.modifiers):
        strings = _modify(made, trees, tokens, (places, sizes))
    starts = np.append(places[0], total)
    if made.empty.any() or any(made.modifiers):
        empty = np.append(made.empty, pc.equal(pc.binary_length(strings[len(made.empty) :]), 0).to_numpy(False))
        full = ~empty[tokens]
        starts = offsets_of(full)[starts]
        tokens = tokens[full]
    if made.join:
        tokens = _joined(made, tokens, starts)
        strings = pa.concat_arrays([strings, pc.binary_join_element_wise(made.join, strings, "")])
    return _strung(strings, tokens, starts)


def bracketed(made: Machine, trees: Trees) -> pa.StringArray:
    """Return `extra` of each row: JSON whose `tree` is the derivation in brackets, as `(S (NP "the" "dog"))`."""
    places, sizes, total = _layout(made, trees, brackets=True)
    tokens = _leaves(trees, places, total)
    opening = len(made.texts)
    for level, place, size in zip(trees.levels, places, sizes, strict=True):
        nodes = level.nodes[made.wraps[level.choices]]
        tokens[place[nodes]] = opening + level.codes[nodes]
        tokens[place[nodes] + size[nodes] - 1] = len(made.trees) - 1
    flat = pc.utf8_ltrim_whitespace(_strung(made.trees, tokens, np.append(places[0], total)))
    return pc.binary_join_element_wise('{"tree":"', flat, '"}', "")


def _layout(made: Machine, trees: Trees, *, brackets: bool) -> tuple[list[Ints], list[Ints], int]:
    """Return the place and the size of each item of each level, in tokens, and the number of tokens."""
    lengths = [made.item_len[level.choices] for level in trees.levels]
    extra = [made.wraps[level.choices].astype(np.int64) if brackets else 0 for level in trees.levels]
    sizes = [np.ones(len(level.codes), np.int64) for level in trees.levels]
    ends = [offsets_of(length) for length in lengths]
    before: list[Ints] = [np.empty(0, np.int64)] * len(sizes)
    for depth in range(len(sizes) - 1, -1, -1):
        if depth + 1 < len(sizes):
            spans = before[depth + 1][ends[depth]]
            sizes[depth][trees.levels[depth].nodes] = np.diff(spans) + 2 * extra[depth]
        before[depth] = offsets_of(sizes[depth])
    places = [before[0][:-1]]
    for depth, level in enumerate(trees.levels[:-1]):
        shift = places[depth][level.nodes] + extra[depth] - before[depth + 1][ends[depth][:-1]]
        places.append(before[depth + 1][:-1] + np.repeat(shift, lengths[depth]))
    return places, sizes, int(before[0][-1])


def _leaves(trees: Trees, places: list[Ints], total: int) -> Codes:
    tokens = np.empty(total, np.int32)
    for level, place in zip(trees.levels, places, strict=True):
        leaf = np.flatnonzero(level.codes < 0)
        tokens[place[leaf]] = ~level.codes[leaf]
    return tokens


def _joined(made: Machine, tokens: Codes, starts: Ints) -> Codes:
    """Return the tokens, those that follow another across a join moved up to the joined half of the strings."""
    apart = np.zeros(len(tokens) + 1, np.bool_)
    apart[1:-1] = ~(made.after[tokens[:-1]] | made.before[tokens[1:]])
    apart[starts] = False
    return tokens + apart[:-1] * np.int32(len(made.texts))


def _strung(strings: pa.StringArray, tokens: Codes, starts: Ints) -> pa.StringArray:
    """Return the strings of the tokens, run together from each start to the next.

    Arrow keeps the strings that `take` returns end to end, so that only the offsets of the rows are new.
    """
    lengths = pc.binary_length(strings).to_numpy(zero_copy_only=False)
    if int(lengths[tokens].sum(dtype=np.int64)) > MAX_BYTES:
        raise ShardError("the texts of one block are over 2 GiB; make the terminals or the grammar smaller")
    taken = strings.take(pa.array(tokens))
    _, offsets, data = taken.buffers()
    ends = np.frombuffer(offsets, np.int32, count=len(taken) + 1, offset=4 * taken.offset)
    return pa.StringArray.from_buffers(len(starts) - 1, pa.py_buffer(ends[starts]), data)


def _modify(made: Machine, trees: Trees, tokens: Codes, where: tuple[list[Ints], list[Ints]]) -> pa.StringArray:
    """Put one token in place of all those below a modified symbol, the deepest first; return the strings with the new.

    The tokens left over point at an empty string, the last of the strings.
    """
    strings = pa.concat_arrays([made.texts, pa.array([""])])
    void = len(made.texts)
    for symbol, place, size in _modified_nodes(made, trees, *where):
        flat = np.repeat(place - offsets_of(size)[:-1], size) + np.arange(size.sum())
        spoken = _strung(strings, tokens[flat], offsets_of(size)).dictionary_encode()
        changed = [modified(text, made.modifiers[symbol]) for text in spoken.dictionary.to_pylist()]
        tokens[flat] = void
        tokens[place] = len(strings) + spoken.indices.to_numpy()
        strings = pa.concat_arrays([strings, pa.array(changed, pa.string())])
    return strings


def _modified_nodes(
    made: Machine, trees: Trees, places: list[Ints], sizes: list[Ints]
) -> Iterator[tuple[int, Ints, Ints]]:
    """Yield (symbol, places, sizes) of the nodes that have modifiers, from the deepest level up."""
    has = np.array([bool(modifiers) for modifiers in made.modifiers], np.bool_)
    for level, place, size in zip(trees.levels[::-1], places[::-1], sizes[::-1], strict=True):
        states = level.codes[level.nodes]
        for symbol in np.unique(states[has[states]]).tolist():
            nodes = level.nodes[states == symbol]
            yield symbol, place[nodes], size[nodes]
