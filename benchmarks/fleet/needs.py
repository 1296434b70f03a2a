"""What a fleet of some rate takes beside its devices, by what an image was measured to cost."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from fleet.point import Point

RATES = (10_000, 100_000, 1_000_000, 10_000_000)
TEN_BILLION = 10**10
# A process of one thread is not planned fuller, nor a link: beyond it waiting grows faster than work.
FILL = 0.7
LINK = 1.25e9  # bytes a second each way, 10 Gbit/s


@dataclass(frozen=True)
class Needs:
    """Of a fleet.

    Attributes:
        rate: images a second.
        hours: that ten billion images take.
        moved: bytes a second into Redis, and as many out of it.
        producers: processes of `producer submit`, by their processor time.
        servers: Redis servers, by their processor time.
        links: Redis servers with a link of 10 Gbit/s each, by what they move.
        worker_cores: cores that the workers' two processes take beside image decoding and model.
    """

    rate: float
    hours: float
    moved: float
    producers: int
    servers: int
    links: int
    worker_cores: float

    def row(self) -> list[str]:
        """For a table."""
        return [
            f"{self.rate:,.0f}",
            f"{self.hours:,.1f} h",
            f"{self.moved / 1e9:,.2f} GB/s",
            f"{self.producers:,}",
            f"{self.servers:,}",
            f"{self.links:,}",
            f"{self.worker_cores:,.1f}",
        ]


HEADER = (
    "images/s",
    "10,000,000,000 images in",
    "into Redis",
    "producers",
    "Redis servers",
    "or 10 Gbit/s links",
    "workers' cores",
)


def needs(cost: Point, rate: float) -> Needs:
    """By the costs of a point, at another rate."""
    moved = rate * max(cost.received, cost.sent)
    return Needs(
        rate=rate,
        hours=TEN_BILLION / rate / 3600,
        moved=moved,
        producers=ceil(rate * cost.producer / 1e6 / FILL),
        servers=ceil(rate * cost.redis / 1e6 / FILL),
        links=ceil(moved / LINK / FILL),
        worker_cores=rate * (cost.parents + cost.children) / 1e6,
    )
