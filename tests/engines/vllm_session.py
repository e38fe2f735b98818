"""What `test_vllm_offline` runs in the environment where vLLM is: asks the engine, and prints what came as JSON.

That environment has what vLLM needs and no more: no pyarrow, no Prefect.
"""

import asyncio
import json
import sys
from dataclasses import asdict

from tasks.core.engine import Request, VllmOffline, sampling
from tasks.core.errors import RecordError, UserError
from tasks.engines.factory import check_engine
from tasks.engines.vllm_offline import VllmEngine


async def session(model: str, schema: str) -> dict:
    """Return the answers to a few kinds of requests."""
    options = {"enforce_eager": True, "max_model_len": 256, "max_num_seqs": 16}
    spec = VllmOffline(type="vllm_offline", model=model, options=options)
    check_engine(spec)
    engine = VllmEngine(spec)
    chats = [
        Request(messages=(("user", f"hello {i}"),), sampling=sampling(temperature=1.0, max_tokens=5 + i, seed=i))
        for i in range(24)
    ]
    found = {"identity": engine.identity, "tokens": engine.tokens(chats[0])}
    found["chats"] = [asdict(a) for (a,) in await asyncio.gather(*(engine.complete([chat]) for chat in chats))]
    found["again"] = [asdict(a) for a in await engine.complete(chats[:6])]
    rate = Request(prompt="rate", sampling=sampling(temperature=1.0, max_tokens=200, seed=1), schema=schema)
    found["schema"] = asdict((await engine.complete([rate]))[0])
    plain = Request(prompt="a", sampling=sampling(temperature=0.0, max_tokens=4, logprobs=2))
    found["plain"] = asdict((await engine.complete([plain]))[0])
    found["errors"] = [
        await error(engine, Request(prompt="word " * 300)),
        await error(engine, Request(prompt="a", sampling=sampling(tempature=1.0))),
        await error(engine, Request(prompt="a", sampling=sampling(temperature=-1.0))),
    ]
    await engine.close()
    return found


async def error(engine: VllmEngine, request: Request) -> str:
    """Return what the engine says of a request that it cannot take."""
    try:
        await engine.complete([request])
    except (RecordError, UserError) as exc:
        return f"{type(exc).__name__}: {exc}"
    return "no error"


if __name__ == "__main__":
    print("SESSION " + json.dumps(asyncio.run(session(*sys.argv[1:]))))  # noqa: T201 - read by the test
