"""Inside a program that is asyncio's: components run in the loop that is there already."""

import asyncio

from kamesh import Pipeline
from kamesh.components.sources import DataSink, DataSource


async def count_down():
    """Do something of one's own meanwhile."""
    for number in (3, 2, 1):
        print(number)
        await asyncio.sleep(0)
    return "go"


async def main():
    words = DataSink()
    pipeline = Pipeline(DataSource(["on", "your", "marks"]), str.upper, words)
    word, _ = await asyncio.gather(count_down(), pipeline.run_async())
    print(*words.messages, word)


asyncio.run(main())
