"""`worker start`: one Celery process per device. Everything a process is told travels in its environment."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from importlib.util import find_spec
from pathlib import Path

import click

from worker import broker as brokers
from worker.settings import DEFAULT_BROKER

_LEVELS = ("debug", "info", "warning", "error")


class _Failure(click.ClickException):
    exit_code = 2


class _Unreachable(click.ClickException):
    exit_code = 3


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="captchafleet")
def main() -> None:
    """Workers that read captchas from a Redis queue."""


@main.command()
@click.option(
    "--broker", envvar="CAPTCHAFLEET_BROKER", show_envvar=True, metavar="URL", help="Redis to serve."
)
@click.option(
    "--broker-password-file",
    envvar="CAPTCHAFLEET_BROKER_PASSWORD_FILE",
    show_envvar=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File that holds the broker's password (or set CAPTCHAFLEET_BROKER_PASSWORD).",
)
@click.option(
    "--model",
    envvar="CAPTCHAFLEET_MODEL",
    show_envvar=True,
    metavar="NAME_OR_PATH",
    help="Model to serve. [default: the zoo's]",
)
@click.option(
    "--device",
    envvar="CAPTCHAFLEET_DEVICE",
    show_envvar=True,
    default="auto",
    show_default=True,
    metavar="auto|cpu|all|cuda:0,...",
    help="Where to run; one process each.",
)
@click.option(
    "--micro-batch",
    envvar="CAPTCHAFLEET_MICRO_BATCH",
    show_envvar=True,
    type=click.IntRange(1, 65536),
    help="Images a forward pass. [default: 32 on a CPU, 1024 on a GPU]",
)
@click.option(
    "--precision",
    envvar="CAPTCHAFLEET_PRECISION",
    show_envvar=True,
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="Of the forward pass; auto is float32, whose probabilities do not depend on the batch.",
)
@click.option(
    "--runtime",
    envvar="CAPTCHAFLEET_RUNTIME",
    show_envvar=True,
    type=click.Choice(["auto", "torch", "onnxruntime", "cuda"]),
    default="auto",
    show_default=True,
    help="What runs the network; auto is ONNX Runtime on a CPU in float32, else torch.",
)
@click.option(
    "--loglevel",
    envvar="CAPTCHAFLEET_LOGLEVEL",
    show_envvar=True,
    type=click.Choice(_LEVELS),
    default="info",
    show_default=True,
    help="What to log.",
)
@click.pass_context
def start(ctx: click.Context, /, **options: object) -> None:
    """Serve a model until told to stop.

    Ctrl-C finishes the batch in hand; a second one puts it back on the queue. Start more of them, here or on
    any machine that reaches the broker, to go faster.

    Example: worker start --broker redis://gpu-queue:6379/0 --device all
    """
    if find_spec("torch") is None:
        raise _Failure("a worker needs torch, which is not installed; run pip install 'captchafleet[worker]'")
    on_command_line = ctx.get_parameter_source("broker") == click.core.ParameterSource.COMMANDLINE
    env = _environment(options, on_command_line)
    devices = _check(env)
    _run(devices, env, str(options["loglevel"]))


def _environment(options: dict[str, object], broker_on_command_line: bool) -> dict[str, str]:
    broker = str(options["broker"] or DEFAULT_BROKER)
    if broker_on_command_line and brokers.has_password(broker):
        raise _Failure(
            "a password on the command line is seen by everyone on this machine; put it into "
            "CAPTCHAFLEET_BROKER_PASSWORD or give --broker-password-file"
        )
    try:
        brokers.check(broker)
    except brokers.BrokerURLError as error:
        raise _Failure(str(error)) from error
    env = {**os.environ, "CAPTCHAFLEET_BROKER": broker}
    for name in ("broker_password_file", "model", "device", "micro_batch", "precision", "runtime"):
        if options[name] is not None:
            env[f"CAPTCHAFLEET_{name.upper()}"] = str(options[name])
    return env


def _check(env: dict[str, str]) -> list[str]:
    """All that can be wrong is said here, before Celery starts, in one sentence."""
    from redis.exceptions import AuthenticationError, RedisError

    from worker.devices import DeviceChoiceError, choose
    from worker.settings import Settings, SettingsError
    from worker.solving import ZooError, served_card
    from worker.store import connect

    try:
        settings = Settings.from_env(env)
        served_card(settings)
        devices = choose(settings.device)
        connect(settings.broker_url).client.ping()
    except (ZooError, DeviceChoiceError, SettingsError, brokers.BrokerURLError) as error:
        raise _Failure(str(error)) from error
    except AuthenticationError as error:
        where = brokers.redact(env["CAPTCHAFLEET_BROKER"])
        raise _Unreachable(f"broker {where} refuses the user or password: {error}") from error
    except RedisError as error:
        where = brokers.redact(env["CAPTCHAFLEET_BROKER"])
        raise _Unreachable(f"broker {where} cannot be reached: {error}") from error
    return devices


def _run(devices: list[str], env: dict[str, str], loglevel: str) -> None:
    if len(devices) == 1:
        # Nothing of ours is left to do here, so Celery takes this very process, with its signals.
        command = _command(devices[0], loglevel)
        os.execve(sys.executable, command, {**env, "CAPTCHAFLEET_DEVICE": devices[0]})
    children: dict[str, subprocess.Popen[bytes]] = {}
    stopping = threading.Event()

    def forward(number: int, _: object) -> None:
        stopping.set()
        for child in list(children.values()):
            child.send_signal(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
        signal.signal(number, forward)
    threads = max(1, _cores() // len(devices))
    for device in devices:
        # In sessions of their own: a Ctrl-C in the terminal would reach them twice, from it and from us.
        children[device] = subprocess.Popen(
            _command(device, loglevel),
            # The threads that decode images for a GPU: each process would have one for every core.
            env={"OMP_NUM_THREADS": str(threads), **env, "CAPTCHAFLEET_DEVICE": device},
            start_new_session=True,
        )
    sys.exit(_wait_for(children, stopping))


def _wait_for(children: dict[str, subprocess.Popen[bytes]], stopping: threading.Event) -> int:
    """Wait until all have ended; the worst exit code. One that ends of itself before the others is named."""
    worst = 0
    running = dict(children)
    while running:
        for device, child in list(running.items()):
            if (code := child.poll()) is None:
                continue
            del running[device]
            worst = max(worst, abs(code))
            if code and running and not stopping.is_set():
                others = ", ".join(running)
                click.echo(f"The worker on {device} ended with {code}; still running: {others}", err=True)
        time.sleep(0.2)
    return worst


def _cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _command(device: str, loglevel: str) -> list[str]:
    name = f"{device.replace(':', '')}-{os.getpid()}@{socket.gethostname()}"
    return [
        *(sys.executable, "-P", "-m", "worker.node", "-A", "worker.celery_app", "worker"),
        *("-n", name, "--loglevel", loglevel, "--without-gossip", "--without-mingle"),
    ]


if __name__ == "__main__":
    main()
