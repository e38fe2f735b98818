"""The rules family as a flow of its own: one of its methods, without a recipe."""

from flows.family import family_flow

rules = family_flow("rules", default="cfg")
