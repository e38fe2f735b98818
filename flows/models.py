"""The models family as a flow of its own: train one of its methods on the seeds, then draw from it."""

from flows.family import family_flow

models = family_flow("models", default="ngram")
