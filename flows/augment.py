"""The augmentation family as a flow of its own: one of its methods, without a recipe."""

from flows.family import family_flow

augment = family_flow("augment", default="synonym_replacement")
