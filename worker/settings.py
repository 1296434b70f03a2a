"""What a worker process is told, all of it through the environment, so that no secret shows in `ps`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from worker.broker import with_password

DEFAULT_BROKER = "redis://127.0.0.1:6379/0"
# A batch of 256 takes a slow model (20 images/s on two cores) 13 s; ten times that is a hang.
DEFAULT_TASK_TIME_LIMIT_S = 120.0
# Above the time limit, so that a batch still in work is never handed to a second worker.
VISIBILITY_MARGIN_S = 30.0


class SettingsError(ValueError):
    """An environment variable that cannot be used; the message is one sentence."""


@dataclass(frozen=True)
class Settings:
    """Everything that a worker or a producer tells Celery.

    Attributes:
        broker_url: Redis, with its password if it has one.
        model: a name or path for the zoo; None takes the zoo's default.
        device: `auto`, `cpu` or `cuda:N`, one device a process.
        micro_batch: images a forward pass; None for what the model's device likes.
        precision: `auto`, `float32` or `bfloat16`.
        runtime: `auto`, `torch`, `onnxruntime` or `cuda`.
        task_time_limit_s: a batch that takes longer is a hang: the child is killed, the batch sent again.
        visibility_timeout_s: after this long an unacknowledged batch goes to another worker.
    """

    broker_url: str = DEFAULT_BROKER
    model: str | None = None
    device: str = "auto"
    micro_batch: int | None = None
    precision: str = "auto"
    runtime: str = "auto"
    task_time_limit_s: float = DEFAULT_TASK_TIME_LIMIT_S
    visibility_timeout_s: float = DEFAULT_TASK_TIME_LIMIT_S + VISIBILITY_MARGIN_S

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings from CAPTCHAFLEET_* variables. Raises SettingsError where a number is none."""
        env = os.environ if env is None else env
        broker = env.get("CAPTCHAFLEET_BROKER") or DEFAULT_BROKER
        if password := _password(env):
            broker = with_password(broker, password)
        limit = _positive(env, "CAPTCHAFLEET_TASK_TIME_LIMIT", DEFAULT_TASK_TIME_LIMIT_S)
        visibility = _positive(env, "CAPTCHAFLEET_VISIBILITY_TIMEOUT", limit + VISIBILITY_MARGIN_S)
        if visibility <= limit:
            raise SettingsError(
                f"CAPTCHAFLEET_VISIBILITY_TIMEOUT is {visibility:g} s, expected more than the time limit "
                f"of {limit:g} s; otherwise two workers take the same batch"
            )
        return cls(
            broker_url=broker,
            model=env.get("CAPTCHAFLEET_MODEL") or None,
            device=env.get("CAPTCHAFLEET_DEVICE") or "auto",
            micro_batch=int(_positive(env, "CAPTCHAFLEET_MICRO_BATCH", 0)) or None,
            precision=env.get("CAPTCHAFLEET_PRECISION") or "auto",
            runtime=env.get("CAPTCHAFLEET_RUNTIME") or "auto",
            task_time_limit_s=limit,
            visibility_timeout_s=visibility,
        )


def _password(env: Mapping[str, str]) -> str | None:
    path = env.get("CAPTCHAFLEET_BROKER_PASSWORD_FILE")
    return read_password(Path(path)) if path else env.get("CAPTCHAFLEET_BROKER_PASSWORD")


def read_password(path: Path) -> str:
    """The password in a file, without the line's end. Raises SettingsError where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"the password file {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"the password file {path} is not UTF-8 text: {error.reason}") from error


def _positive(env: Mapping[str, str], name: str, default: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # Written so that NaN fails too.
    if not 0 < value < float("inf"):
        raise SettingsError(f"{name} is {text!r}, expected a number above 0")
    return value
