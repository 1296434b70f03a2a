"""How a worker stays known: announced by its child once the model is loaded, renewed by its parent."""

from __future__ import annotations

import logging
import threading

from redis.exceptions import RedisError

from worker.contract import ContractError, WorkerInfo
from worker.store import ANNOUNCEMENT_TTL_S, Store

log = logging.getLogger(__name__)

# Until the child has announced itself we look often; afterwards three renewals fit into one life.
_LOOK_EVERY_S = 0.5
_RENEW_EVERY_S = ANNOUNCEMENT_TTL_S / 3


class Presence:
    """Keeps a worker's announcement alive from its parent process, which is free while the child works.

    Args:
        store: where to announce.
        name: of the worker.
        instance: of this run of it; what an earlier run announced under the same name is not renewed.
    """

    def __init__(self, store: Store, name: str, instance: str) -> None:
        self._store = store
        self._name = name
        self._instance = instance
        self._info: WorkerInfo | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="presence", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def stop(self) -> None:
        """Stop, and take the announcement back."""
        self._stopped.set()
        self._thread.join(timeout=5)
        try:
            self._store.withdraw(self._name)
        except RedisError as error:
            log.warning("the announcement could not be taken back, it ends by itself in 30 s: %s", error)

    def _run(self) -> None:
        while not self._stopped.wait(_RENEW_EVERY_S if self._info else _LOOK_EVERY_S):
            try:
                self._renew()
            except (RedisError, ContractError) as error:
                log.warning("the announcement could not be renewed: %s", error)

    def _renew(self) -> None:
        if self._info is None:
            found = self._store.announced(self._name)
            if found is not None and found.instance == self._instance:
                self._info = found
        else:
            # Written afresh rather than prolonged: Redis may have been restarted or flushed.
            self._store.announce(self._info)
