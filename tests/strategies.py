"""Hypothesis strategies that several tests share."""

from hypothesis import strategies as st

# Everything Arrow can hold: any text without lone surrogates.
any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)

counters = st.dictionaries(
    st.sampled_from(["too_short", "duplicate", "bad_unicode", "surplus"]), st.integers(1, 50), max_size=4
)
