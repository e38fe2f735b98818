"""The llm family as a flow of its own: one of its methods, through an engine, without a recipe."""

from flows.family import family_flow

llm = family_flow("llm", default="prompt")
