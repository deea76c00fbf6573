"""A real browser for tests: Chromium without a window, installed where it is missing, as root on Debian."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

from local.apt import apt_install

PACKAGE = "chromium-headless-shell"
PROGRAMS = (PACKAGE, "chromium", "chromium-browser", "google-chrome")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""It finds no other machine, so that a page of ours that asks one is seen and the other machine is not."""


def chromium() -> str:
    """The path of a Chromium; raises InfrastructureError that says what to install where that is not possible here."""
    if _found() is None:
        apt_install(PACKAGE)
    return _found() or PACKAGE


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """A browser, up as long as the context lasts."""
    program = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[ALONE])
        yield browser
        browser.close()


def _found() -> str | None:
    return next(filter(None, map(shutil.which, PROGRAMS)), None)
