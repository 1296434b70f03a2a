"""benchmarks/fleet: workers whose forward pass is a sleep, and that nothing is left of them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from fleet import images, pretend
from fleet.images import link_tree
from fleet.local import Fleet, FleetError
from fleet.processes import environment, peak_bytes

from worker.settings import Settings

EXAMPLES = Path(__file__).parent.parent / "examples" / "captchas"


def test_a_tree_of_links_keeps_labels_and_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LINKS_AN_INODE", 2)
    originals = tmp_path / "originals"
    originals.mkdir()
    for name in ("ab.png", "cd.jpg", "readme.txt"):
        (originals / name).write_text(name)

    tree = link_tree(tmp_path / "tree", 7, originals, per_folder=3)

    found = {str(path.relative_to(tree)): path for path in sorted(tree.rglob("*.*"))}
    assert list(found) == [
        *("000000/ab_0.png", "000000/ab_1.png", "000000/cd_0.jpg"),
        *("000001/ab_2.png", "000001/cd_1.jpg", "000001/cd_2.jpg"),
        "000002/ab_3.png",
    ]
    assert found["000001/cd_2.jpg"].read_text() == "cd.jpg"
    # Two links an original, then it is copied anew; each copy has its own name as well.
    assert [found[f"00000{n // 2}/ab_{n}.png"].stat().st_nlink for n in (0, 1, 2)] == [3, 3, 3]
    assert not found["000000/ab_1.png"].samefile(found["000001/ab_2.png"])


def test_a_tree_is_neither_made_twice_nor_of_nothing(tmp_path: Path) -> None:
    (tmp_path / "originals").mkdir()
    with pytest.raises(FileNotFoundError, match="has no images"):
        link_tree(tmp_path / "tree", 1, tmp_path / "originals")
    (tmp_path / "tree").mkdir()
    with pytest.raises(FileExistsError):
        link_tree(tmp_path / "tree", 1, EXAMPLES)


def test_the_pretended_device_takes_its_time_and_answers_every_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    rate = tmp_path / "rate"
    monkeypatch.setenv(pretend.RATE_VARIABLE, str(rate))
    monkeypatch.setattr(time, "sleep", slept.append)
    solver = pretend.load(Settings(model="nano"))

    for written in ("5", "20"):
        rate.write_text(written)
        assert [answer.text for answer in solver.solve([b"a", b"b", b"c"], None, decoder="exact")] == [
            "2b827"
        ] * 3

    assert slept == [0.6, 0.15]
    assert (solver.card.name, str(solver.device)) == ("nano", "pretended")
    assert solver.training_images is not None


@pytest.mark.redis
def test_a_real_producer_is_served_by_pretended_workers(tmp_path: Path) -> None:
    tree = link_tree(tmp_path / "tree", 400, EXAMPLES)
    with Fleet(tmp_path / "fleet", tcp=True) as fleet:
        fleet.start_pretended(2, rate=400, model="nano")
        before = fleet.cpu()
        job = fleet.submit(tree, "--labels", "none", "--batch-size", "20")
        spent = fleet.cpu() - before
        assert all(peak_bytes(pid) > 0 for worker in fleet.workers for pid in (worker.pid, *worker.children))
        assert fleet.redis_info()["total_net_input_bytes"] > sum(
            path.stat().st_size for path in tree.rglob("*.png")
        )
        names = [worker.name for worker in fleet.workers]
        fleet.stop_workers(leave=1)
        assert (
            [info.name for info in fleet.store.workers()]
            == [worker.name for worker in fleet.workers]
            == names[:1]
        )

    assert job.code == 0, job.out
    lines = [json.loads(line) for line in (job.run / "results.jsonl").read_text().splitlines()]
    assert Counter(line["id"] for line in lines) == Counter(range(400))
    assert {(line["text"], line["probability"]) for line in lines} == {
        ("2b827", pretend.Prediction().probability)
    }
    assert {line["worker"] for line in lines} == set(names)
    assert job.report["model"]["name"] == "nano"
    assert min(job.seconds, job.cpu_s, job.peak_bytes, spent.redis, spent.children) > 0


@pytest.mark.redis
def test_a_worker_that_ends_is_told_with_its_last_words(tmp_path: Path) -> None:
    with Fleet(tmp_path) as fleet:
        server = psutil.Process(fleet.redis_pid)
        with pytest.raises(
            FleetError, match=r"^a worker ended with 2; .*\.log ends with: .*model 'none-such' is not"
        ):
            fleet.start_pretended(1, rate=1, model="none-such")
    assert not server.is_running()


def test_a_missing_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FleetError) as raised, Fleet(tmp_path / "fleet"):
        pass
    assert str(raised.value) == "no redis-server on PATH; install your system's package of it"


HOLD = """
import sys, time
from pathlib import Path
from fleet.local import Fleet
with Fleet(Path(sys.argv[1])) as fleet:
    fleet.start_pretended(1, rate=1, model="nano")
    worker = fleet.workers[0]
    print(fleet.redis_pid, worker.pid, *worker.children, flush=True)
    time.sleep(60)
"""


@pytest.mark.redis
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a killed benchmark leaves its processes")
def test_no_process_outlives_a_benchmark(number: signal.Signals, tmp_path: Path) -> None:
    script = [sys.executable, "-P", "-c", HOLD, str(tmp_path / "fleet")]
    with subprocess.Popen(
        script, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as benchmark:
        assert benchmark.stdout is not None
        there = [psutil.Process(int(pid)) for pid in benchmark.stdout.readline().split()]
        assert len(there) >= 3

        benchmark.send_signal(number)
        benchmark.wait()

    _, alive = psutil.wait_procs(there, timeout=30)
    assert alive == []
