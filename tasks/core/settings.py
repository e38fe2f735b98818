"""Settings of one machine, read from the environment with the prefix `TILTH_`."""

from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

Runner = Literal["threads", "processes", "dask", "ray"]


class Settings(BaseSettings):
    """Where things live and how wide to run; nothing here changes the bytes that are made."""

    model_config = SettingsConfigDict(env_prefix="TILTH_", frozen=True, extra="ignore")

    home: Path = Field(Path(".tilth"), description="folder of the shard cache and of Prefect's database and results")
    store: str = Field(
        "", description="where shards and the list of runs lie: s3://bucket/prefix, or a folder; default below home"
    )
    workers: int = Field(2, ge=1, le=256, description="shards made at the same time")
    runner: Runner = Field("threads", description="where shards are made: threads, processes, dask, ray")
    dask_address: str = Field("", description="address of the Dask scheduler, for runner dask, e.g. tcp://HOST:8786")
    retries: int = Field(2, ge=0, le=20, description="further tries of a shard that failed")
    retry_delay_s: float = Field(2.0, ge=0, description="wait before the first retry, in seconds; doubles, with jitter")
    landing: Path = Field(
        Path("deployments/landing.yaml"), description="landing file: where seeds land, and which recipe releases them"
    )
    engine: str = Field(
        "embedded",
        description="what answers llm stages that name no engine: embedded, http(s)://HOST/v1[#MODEL], or a folder",
    )

    @property
    def work(self) -> Path:
        return self.home.absolute() / "work"


@cache
def settings() -> Settings:
    """Return the settings of this process, read once."""
    return Settings()
