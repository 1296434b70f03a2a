"""The lexicon of a job in its run folder: what `resume` goes on with, whatever became of the user's file."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from model_zoo.lexicon import Lexicon
from producer import job
from producer.display import Display
from producer.errors import BrokerUnreachable, Interrupted, UsageError
from producer.manifest import LexiconFile, read_facts
from producer.request import SubmitRequest, Transport
from worker.contract import JobOptions

WORDS = Lexicon.from_words(["cat", "dog", "über"])


class NoWorkerError(BrokerUnreachable):
    """Ends a job where a session would begin; its run folder stays."""


@pytest.fixture
def met(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What each session was given as its files."""
    given: list[Any] = []

    @contextmanager
    def open_broker(*_: object) -> Any:
        yield None

    class Session:
        def __init__(self, *arguments: Any) -> None:
            given.append(arguments[4])

        def carry_out(self) -> None:
            raise NoWorkerError("nobody is there")

    monkeypatch.setattr(job, "open_broker", open_broker)
    monkeypatch.setattr(job, "Session", Session)
    return given


@pytest.fixture
def run(met: list[Any], folder: Path, tmp_path: Path) -> Path:
    """The run folder of a job that was submitted with a lexicon; no worker came."""
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(20))
    words = tmp_path / "words.txt"
    words.write_bytes(b"\xef\xbb\xbfdog\r\ncat\r\n\xc3\xbcber\r\ncat\r\n")
    request = SubmitRequest(folder, tmp_path / "run", lexicon=words)
    with pytest.raises(NoWorkerError):
        job.submit(request, Transport(), Display(quiet=True))
    return tmp_path / "run"


def resume(run: Path) -> None:
    job.resume(run, Transport(), Display(quiet=True))


def test_a_job_keeps_a_copy_of_its_words_and_says_where_they_came_from(
    run: Path, met: list[Any], tmp_path: Path
) -> None:
    request = read_facts(run / "manifest.jsonl").request

    assert (run / "lexicon.txt").read_text(encoding="utf-8") == "cat\ndog\nüber\n"
    assert request.options == JobOptions(lexicon=WORDS.digest)
    assert request.lexicon == LexiconFile(os.path.abspath(tmp_path / "words.txt"), 3)
    assert [files.lexicon for files in met] == [WORDS]


def test_a_job_goes_on_after_the_users_file_is_gone(run: Path, met: list[Any], tmp_path: Path) -> None:
    (tmp_path / "words.txt").unlink()

    with pytest.raises(NoWorkerError):
        resume(run)

    assert [files.lexicon for files in met] == [WORDS, WORDS]
    assert met[1].lexicon.words == WORDS.words


def test_a_copy_that_was_changed_is_refused(run: Path, met: list[Any]) -> None:
    (run / "lexicon.txt").write_text("cat\ndog\n")

    with pytest.raises(UsageError) as caught:
        resume(run)

    assert str(caught.value) == (
        f"{run}/lexicon.txt was changed since the job was submitted, and its answers would no longer fit "
        "together; submit it anew"
    )
    assert len(met) == 1


def test_a_copy_that_is_gone_is_refused(run: Path) -> None:
    (run / "lexicon.txt").unlink()

    with pytest.raises(UsageError) as caught:
        resume(run)

    assert str(caught.value) == (
        f"the job cannot go on without its words: lexicon '{run}/lexicon.txt' cannot be read: "
        "No such file or directory; submit it anew"
    )


def test_a_full_disk_takes_no_job(
    met: list[Any], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(job, "write_whole", refuse)
    (tmp_path / "words.txt").write_text("cat")
    request = SubmitRequest(folder, tmp_path / "run", lexicon=tmp_path / "words.txt")

    with pytest.raises(Interrupted) as caught:
        job.submit(request, Transport(), Display(quiet=True))

    assert str(caught.value) == f"{tmp_path}/run/lexicon.txt cannot be written: No space left on device"
    assert met == []
