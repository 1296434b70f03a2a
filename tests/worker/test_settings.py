"""What the environment says to a worker, and what it may not say."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from worker.settings import Settings, SettingsError, read_password


def test_an_empty_environment_gives_the_defaults() -> None:
    assert Settings.from_env({}) == Settings()
    assert Settings() == Settings(
        broker_url="redis://127.0.0.1:6379/0",
        model=None,
        device="auto",
        micro_batch=None,
        precision="auto",
        runtime="auto",
        task_time_limit_s=120.0,
        visibility_timeout_s=150.0,
    )


def test_empty_variables_say_nothing() -> None:
    names = ("BROKER", "BROKER_PASSWORD", "MODEL", "DEVICE", "MICRO_BATCH", "PRECISION", "RUNTIME")

    assert Settings.from_env({f"CAPTCHAFLEET_{name}": "" for name in names}) == Settings()


def test_every_variable_reaches_its_setting() -> None:
    found = Settings.from_env(
        {
            "CAPTCHAFLEET_BROKER": "redis://user@host:6380/2",
            "CAPTCHAFLEET_BROKER_PASSWORD": "p@ss/word",
            "CAPTCHAFLEET_MODEL": "crnn-large",
            "CAPTCHAFLEET_DEVICE": "cuda:1",
            "CAPTCHAFLEET_MICRO_BATCH": "64",
            "CAPTCHAFLEET_PRECISION": "bfloat16",
            "CAPTCHAFLEET_RUNTIME": "torch",
            "CAPTCHAFLEET_TASK_TIME_LIMIT": "10",
            "CAPTCHAFLEET_VISIBILITY_TIMEOUT": "12.5",
        }
    )

    assert found == Settings(
        broker_url="redis://user:p%40ss%2Fword@host:6380/2",
        model="crnn-large",
        device="cuda:1",
        micro_batch=64,
        precision="bfloat16",
        runtime="torch",
        task_time_limit_s=10.0,
        visibility_timeout_s=12.5,
    )
    assert len(dataclasses.fields(Settings)) == 8, "a new setting needs its variable above"


def test_a_process_asks_its_own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPTCHAFLEET_MODEL", "crnn-large")

    assert Settings.from_env().model == "crnn-large"


def test_the_visibility_timeout_follows_the_time_limit() -> None:
    assert Settings.from_env({"CAPTCHAFLEET_TASK_TIME_LIMIT": "600"}).visibility_timeout_s == 630.0


def test_a_password_may_stand_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("hunter2 \r\n")
    env = {"CAPTCHAFLEET_BROKER_PASSWORD_FILE": str(path), "CAPTCHAFLEET_BROKER_PASSWORD": "other"}

    assert Settings.from_env(env).broker_url == "redis://:hunter2%20@127.0.0.1:6379/0"


def test_a_password_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        read_password(tmp_path / "nothing")
    assert str(caught.value) == (
        f"the password file {tmp_path / 'nothing'} cannot be read: No such file or directory"
    )
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError) as caught:
        read_password(tmp_path / "bytes")
    assert (
        str(caught.value) == f"the password file {tmp_path / 'bytes'} is not UTF-8 text: invalid start byte"
    )


REFUSED = [
    ("CAPTCHAFLEET_TASK_TIME_LIMIT", "soon", "a word"),
    ("CAPTCHAFLEET_TASK_TIME_LIMIT", "0", "no time at all"),
    ("CAPTCHAFLEET_VISIBILITY_TIMEOUT", "-1", "less than none"),
    ("CAPTCHAFLEET_VISIBILITY_TIMEOUT", "inf", "for ever"),
    ("CAPTCHAFLEET_MICRO_BATCH", "nan", "no number by its own word"),
]


@pytest.mark.parametrize(("name", "text", "reason"), REFUSED, ids=[reason for *_, reason in REFUSED])
def test_what_is_no_number_above_zero_is_refused_by_name(name: str, text: str, reason: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: text})
    assert str(caught.value) == f"{name} is {text!r}, expected a number above 0"


def test_a_visibility_timeout_within_the_time_limit_is_refused() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"CAPTCHAFLEET_VISIBILITY_TIMEOUT": "120"})
    assert str(caught.value) == (
        "CAPTCHAFLEET_VISIBILITY_TIMEOUT is 120 s, expected more than the time limit of 120 s; "
        "otherwise two workers take the same batch"
    )
