"""The prompts of `bench_llm_vllm` through an LLM-text column of data-designer; runs in an environment of its own.

`peer_data_designer.py URL MODEL PROMPTS.json OUT.json SAMPLING`: OUT gets the tokens of all answers, from the usage
that the server sends and data-designer reports for each request.
"""

import json
import os
import sys
from pathlib import Path

# The library reads these as it is imported. Its profile of the data would fetch a tokenizer: the dead proxy refuses
# that at once, so that the profile lacks its token counts and costs less than elsewhere.
os.environ |= {
    "NEMO_TELEMETRY_ENABLED": "false",
    "TIKTOKEN_CACHE_DIR": "",
    "https_proxy": "http://127.0.0.1:9",
    "no_proxy": "127.0.0.1,localhost",
}

import data_designer.config as dd
import pandas as pd
from data_designer.engine.models.usage_events import subscribe_token_usage
from data_designer.interface import DataDesigner

# The best of 64, 128, 192 and 256 on a fake server of 128 slots and 500 ms a request; from 256 on it costs more CPU.
_AT_ONCE = 192


def main(url: str, model: str, prompts: str, out: str, sampling: str) -> None:
    """Fill the column and write what it used."""
    asked = json.loads(Path(prompts).read_text(encoding="utf-8"))
    provider = dd.ModelProvider(name="server", endpoint=url)
    designer = DataDesigner(Path(out).parent / "artifacts", model_providers=[provider])
    designer.set_run_config(dd.RunConfig(otel_metrics_port=None))
    used: list[int] = []
    subscribe_token_usage(lambda event: used.append(event.output_tokens))
    rows = designer.create(_config(asked, model, json.loads(sampling)), num_records=len(asked)).load_dataset()
    answers = rows["answer"].count()
    if not answers == len(used) == len(asked):
        sys.exit(f"{answers} answers, from {len(used)} requests, to {len(asked)} prompts")
    Path(out).write_text(json.dumps({"tokens": sum(used)}), encoding="utf-8")


def _config(asked: list[str], model: str, sampling: dict[str, float]) -> dd.DataDesignerConfigBuilder:
    params = dd.ChatCompletionInferenceParams(max_parallel_requests=_AT_ONCE, **sampling)
    served = dd.ModelConfig(
        alias="bench", model=model, provider="server", inference_parameters=params, skip_health_check=True
    )
    config = dd.DataDesignerConfigBuilder(model_configs=[served])
    config.with_seed_dataset(dd.DataFrameSeedSource(df=pd.DataFrame({"asked": asked})))
    return config.add_column(dd.LLMTextColumnConfig(name="answer", prompt="{{ asked }}", model_alias="bench"))


if __name__ == "__main__":
    main(*sys.argv[1:])
