"""The prompts of `bench_llm_vllm` through a pipeline of distilabel; runs in an environment of its own.

`peer_distilabel.py URL MODEL PROMPTS.json OUT.json SAMPLING`: OUT gets the tokens of all answers.
"""

import json
import sys
from pathlib import Path

from distilabel.models import OpenAILLM
from distilabel.pipeline import Pipeline
from distilabel.steps import LoadDataFromDicts
from distilabel.steps.tasks import TextGeneration

# The best of 50 (its default), 128 and 256.
_BATCH = 128


def main(url: str, model: str, prompts: str, out: str, sampling: str) -> None:
    """Run the pipeline and write what it used."""
    asked, given = json.loads(Path(prompts).read_text(encoding="utf-8")), json.loads(sampling)
    kwargs = {"temperature": given["temperature"], "max_new_tokens": given["max_tokens"]}
    with Pipeline(name="bench") as pipeline:
        load = LoadDataFromDicts(data=[{"instruction": text} for text in asked], batch_size=_BATCH)
        llm = OpenAILLM(base_url=url, model=model, api_key="none", generation_kwargs=kwargs)
        load >> TextGeneration(llm=llm, input_batch_size=_BATCH)
    rows = pipeline.run(use_cache=False)["default"]["train"]
    used = [row["distilabel_metadata"]["statistics_text_generation_0"]["output_tokens"] for row in rows]
    if len(used) != len(asked):
        sys.exit(f"{len(used)} answers to {len(asked)} prompts")
    Path(out).write_text(json.dumps({"tokens": sum(used)}), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
