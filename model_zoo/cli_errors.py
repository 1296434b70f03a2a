"""What goes wrong, as one sentence and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import IO, Any

import click

from model_zoo.errors import ZooError
from model_zoo.interrupts import interrupts_after_imports

CONTEXT = {"help_option_names": ["-h", "--help"]}

# What `pip install captchafleet` alone does not bring, and the extra that does.
_EXTRA_OF = {
    **dict.fromkeys(("numpy", "onnx", "onnxruntime", "PIL", "safetensors", "torch", "torchvision"), "worker"),
    **dict.fromkeys(("cv2", "matplotlib", "scipy"), "train"),
}


class UserError(click.ClickException):
    """Something that the user can put right."""

    exit_code = 2


class Stopped(click.ClickException):
    """Ctrl-C, which is no error."""

    exit_code = 130

    def show(self, file: IO[Any] | None = None) -> None:
        """The sentence, without the word Error before it."""
        click.echo(self.message, file=file, err=True)


class ZooGroup(click.Group):
    """A group whose commands may raise the zoo's errors and the system's, and import what an extra brings."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run as a program; help goes the same way as the answer of a command, so it may fail likewise."""
        try:
            with interrupts_after_imports("model_zoo"):
                return super().main(*args, **settings)
        except OSError as error:  # BrokenPipeError is click's: it ends in silence
            if error.filename is None:
                _forget_output()
            UserError(_sentence(error)).show()
            sys.exit(UserError.exit_code)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its plain errors become sentences."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise Stopped("Stopped by Ctrl-C.") from interrupt
        except ZooError as error:
            raise UserError(str(error)) from error
        except ModuleNotFoundError as error:
            extra = _EXTRA_OF.get((error.name or "").partition(".")[0])
            if extra is None:
                raise
            raise UserError(
                f"this command needs captchafleet[{extra}] ({error.name} is not installed); "
                f"run: pip install 'captchafleet[{extra}]'"
            ) from error


def _sentence(error: OSError) -> str:
    if error.filename is None:
        return f"the output cannot be written ({error.strerror or error}); make room, or send it elsewhere"
    return f"{os.fsdecode(error.filename)!r} cannot be used ({error.strerror}); check the path and its rights"


def _forget_output() -> None:
    """Let what is still to be written to a full or closed output go nowhere.

    Python would try once more when it ends, and complain. Under a test runner there is no such file.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
