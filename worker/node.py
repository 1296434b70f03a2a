"""Celery's command, our application imported first: `python -P -m worker.node -A worker.celery_app worker`.

`celery -A NAME` looks in the working directory first, and a user may well work in a folder that has a
subfolder `worker`. What is imported before that stays.
"""

from __future__ import annotations

import sys

import worker.celery_app  # noqa: F401 - the point of this module

if __name__ == "__main__":
    from celery.__main__ import main

    sys.exit(main())
