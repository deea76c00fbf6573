"""The workspace of a stage: cloned in the background, waited for by whoever needs it first."""

from pathlib import Path
from threading import Thread

from shared.git import Checkout


class ClonedWorkspace:
    """Runs a checkout in a thread, so that a stage can import and report meanwhile."""

    def __init__(self, checkout: Checkout, folder: Path) -> None:
        self._checkout = checkout
        self._folder = folder
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, name="checkout", daemon=True)

    def start(self) -> None:
        """Begin to clone."""
        self._thread.start()

    def wait(self) -> Path:
        """Wait for the clone and return its folder; raises what the checkout raised."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._folder

    def end(self) -> None:
        """End a clone that nobody waits for any more."""
        self._checkout.cancel()
        self._thread.join()

    def _run(self) -> None:
        try:
            self._checkout.run()
        except Exception as error:  # raised where the workspace is waited for
            self._error = error
