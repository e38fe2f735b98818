"""Engines that ask a model which a stage of the recipe trains, `model: stage:NAME`, once that is done.

`transformers_local` and `vllm_offline` open the model's folder. A server has it under the name that `make vllm` gives
it, which ends in the model's digest; where none has it yet the run stops, and the same command goes on once one has.
"""

from collections.abc import Mapping

from tasks.core.engine import EngineSpec, OpenAIHttp, trainer
from tasks.core.errors import RecipeError
from tasks.core.recipe import Recipe, Stage
from tasks.train import Model, model_folder


def with_model(recipe: Recipe, stage: Stage, models: Mapping[str, Model]) -> Recipe:
    """Return the recipe with the engine of a stage as it can be asked, now that `models`, by stage, are trained.

    RecipeError where a server must have the model and has it not.
    """
    spec = recipe.engines.get(stage.engine or "")
    trains = trainer(spec) if spec else None
    if spec is None or trains is None:
        return recipe
    known = _served(spec, trains, models[trains]) if isinstance(spec, OpenAIHttp) else _opened(spec, models[trains])
    return recipe.model_copy(update={"engines": {**recipe.engines, str(stage.engine): known}})


def _opened(spec: EngineSpec, model: Model) -> EngineSpec:
    return spec.model_copy(update={"model": str(model_folder(model.id))})


def _served(spec: OpenAIHttp, stage: str, model: Model) -> EngineSpec:
    """Return the spec with the name that the model has at its servers, and with its tokenizer, which is here."""
    from tasks.engines._openai_access import access, any_served, check

    folder = model_folder(model.id)
    try:
        there = any_served(access(spec)) or {}
        why = f"there is {', '.join(there) or 'no list of models'}"
    except RecipeError as exc:
        there, why = {}, str(exc).partition(";")[0]
    name = next((name for name in there if name.endswith(f":{model.digest}")), None)
    if name is None:
        raise RecipeError(
            f"no server has the model of stage '{stage}' yet ({why}): start one with `make vllm MODEL={folder}`; then"
            " the same command goes on"
        )
    found = spec.model_copy(update={"model": name, "tokenizer": spec.tokenizer or str(folder)})
    check(found)
    return found
