"""What finds names: the small pipeline of the project, none, or a spaCy pipeline of the user's."""

import importlib.util
from pathlib import Path

from tasks.core.errors import RecipeError

EMBEDDED, NONE = "embedded", "none"


def check(ner: str) -> None:
    """Raise RecipeError where the pipeline that `ner` names cannot be loaded; loads and trains nothing."""
    if ner == NONE:
        return
    for package in ("spacy", *(("faker",) if ner == EMBEDDED else ())):
        if importlib.util.find_spec(package) is None:
            raise RecipeError(f"ner '{ner}' needs the package {package}: pip install {package}, or set ner: none")
    if (
        ner != EMBEDDED
        and not (Path(ner) / "meta.json").is_file()
        and importlib.util.find_spec(ner.partition("/")[0]) is None
    ):
        raise RecipeError(
            f"no spaCy pipeline '{ner}': not a folder with a meta.json, not a package; or use: embedded, none"
        )
