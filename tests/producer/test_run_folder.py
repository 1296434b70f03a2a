"""The run folder: made once, held by one producer, taken back when nothing was sent."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from producer.errors import UsageError
from producer.run_folder import RunFolder, new_job_id


def with_job(path: Path) -> Path:
    """A folder that holds a job."""
    path.mkdir(parents=True)
    (path / "manifest.jsonl").write_text("{}\n")
    return path


def test_job_ids_sort_by_time_and_differ() -> None:
    ids = [new_job_id() for _ in range(20)]

    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", job) for job in ids)
    assert len(set(ids)) == 20


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "runs" / "1") as folder:
        assert folder.path.stat().st_mode & 0o777 == 0o700
        assert {
            folder.manifest.name,
            folder.results.name,
            folder.report_json.name,
            folder.report_html.name,
            folder.worker_log.name,
        } == {"manifest.jsonl", "results.jsonl", "report.json", "report.html", "worker.log"}


def test_a_folder_that_is_there_already_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")

    with RunFolder.create(tmp_path) as folder:
        assert folder.path == tmp_path


def test_a_folder_with_a_job_is_not_begun_again(tmp_path: Path) -> None:
    path = with_job(tmp_path / "run")

    with pytest.raises(UsageError) as caught:
        RunFolder.create(path)
    assert str(caught.value) == (
        f"the run folder {path} holds a job already; go on with it by `producer resume {path}`, "
        "or name another with --run-dir"
    )


@pytest.mark.parametrize("name", ["results.jsonl", "report.json", "report.html", "worker.log"])
def test_a_folder_with_files_of_a_jobs_name_is_not_adopted(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("mine")

    with pytest.raises(UsageError) as caught:
        RunFolder.create(tmp_path)
    assert str(caught.value) == (
        f"the run folder {tmp_path} holds {name} already, which a job would write; "
        "name another with --run-dir"
    )
    assert (tmp_path / name).read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(UsageError) as caught:
        RunFolder.create(tmp_path / "file")
    assert str(caught.value) == f"the run folder {tmp_path / 'file'} cannot be made: File exists"
    with pytest.raises(UsageError, match="cannot be made: Not a directory"):
        RunFolder.create(tmp_path / "file" / "run")


@pytest.mark.parametrize("name", ["empty", "nothing"])
def test_a_folder_without_a_job_cannot_be_gone_on_with(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    with pytest.raises(UsageError) as caught:
        RunFolder.existing(tmp_path / name)
    assert str(caught.value) == (
        f"{tmp_path / name} holds no manifest.jsonl; name a run folder of `producer submit`"
    )


def test_a_second_producer_is_kept_out_until_the_first_is_done(tmp_path: Path) -> None:
    path = with_job(tmp_path / "run")

    with RunFolder.existing(path):
        with pytest.raises(UsageError) as caught, RunFolder.existing(path):
            pass
        assert str(caught.value) == f"another producer works in {path}; wait for it, or stop it first"

    with RunFolder.existing(path) as folder:
        assert folder.path == path


def test_a_killed_producer_holds_nothing(tmp_path: Path) -> None:
    path = with_job(tmp_path / "run")
    script = (
        "import os, signal, sys; from pathlib import Path; from producer.run_folder import RunFolder\n"
        "with RunFolder.existing(Path(sys.argv[1])):\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False).returncode == -9

    with RunFolder.existing(path):
        pass


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    path = with_job(tmp_path / "run")
    (path / ".lock").mkdir()

    with pytest.raises(UsageError) as caught, RunFolder.existing(path):
        pass
    assert str(caught.value) == f"the run folder {path} cannot be written: Is a directory"


def test_a_discarded_folder_is_gone(tmp_path: Path) -> None:
    with RunFolder.create(tmp_path / "run") as folder:
        folder.manifest.write_text("{}")
        folder.worker_log.write_text("bye")
        folder.discard()

    assert os.listdir(tmp_path) == []


def test_discarding_keeps_what_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with RunFolder.create(tmp_path) as folder:
        folder.manifest.write_text("{}")
        folder.discard()

    assert os.listdir(tmp_path) == ["mine"]
