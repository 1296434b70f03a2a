"""What goes wrong, as one sentence and exit code 2."""

from __future__ import annotations

from typing import Any

import click

from model_zoo.errors import ZooError

CONTEXT = {"help_option_names": ["-h", "--help"]}

# What `pip install captchafleet` alone does not bring.
_WORKER_EXTRA = frozenset({"numpy", "PIL", "safetensors", "scipy", "torch", "torchvision"})


class UserError(click.ClickException):
    """Something that the user can put right."""

    exit_code = 2


class ZooGroup(click.Group):
    """A group whose commands may raise the zoo's errors and import what only an extra brings."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; its plain errors become sentences."""
        try:
            return super().invoke(ctx)
        except ZooError as error:
            raise UserError(str(error)) from error
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] not in _WORKER_EXTRA:
                raise
            raise UserError(
                f"this command needs captchafleet[worker] ({error.name} is not installed); "
                "run: pip install 'captchafleet[worker]'"
            ) from error
