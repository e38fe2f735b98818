"""The perturbation family as a flow of its own: one of its methods, without a recipe."""

from flows.family import family_flow

perturb = family_flow("perturb", default="value_perturbation")
