# Copyright: (c) 2026, amica.stack contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One real conversation with a Chainlit chat in a headless Chromium, as a person has it.

`python tests/support/browser_chat.py URL MESSAGE [PNG]` prints the reply and may save a picture of the page.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page
from playwright.sync_api import Route
from playwright.sync_api import expect
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A new, quiet browser that talks to nobody but the page; --no-sandbox since tests may run as root.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
ANSWERS = "[data-step-type=assistant_message]"
QUESTIONS = "[data-step-type=user_message]"


def browser() -> str:
    """Path of the Chromium of this machine."""
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise LookupError("no Chromium on this machine: apt-get install chromium")


@contextmanager
def page_of(url: str, timeout: float) -> Iterator[Page]:
    """The page at the URL in a new browser. Fonts and styles from other hosts are kept away; it works without them."""
    host = urlsplit(url).netloc

    def own_host_only(route: Route) -> None:
        if urlsplit(route.request.url).netloc in (host, ""):
            route.continue_()
        else:
            route.abort()

    with tempfile.TemporaryDirectory(prefix="amica-browser-") as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=browser(), headless=True, args=FLAGS, locale="en-US"
        )
        try:
            page = context.pages[0] if context.pages else context.new_page()
            page.set_default_timeout(1000 * timeout)
            page.route("**/*", own_host_only)
            page.goto(url, wait_until="domcontentloaded")
            yield page
        finally:
            context.close()


def browser_chat(url: str, message: str, timeout: float = 60.0, picture: Path | None = None) -> str:
    """Open the chat, type the message, send it and return the reply. The timeout holds for each step, in seconds."""
    with page_of(url, timeout) as page:
        expect.set_options(timeout=1000 * timeout)
        # The greeting replaces the welcome screen, and what was typed there until then is lost.
        expect(page.locator(ANSWERS).first).to_be_visible()
        page.locator("#chat-input").fill(message)
        page.locator("#chat-submit").click()
        expect(page.locator(QUESTIONS).filter(has_text=message).last).to_be_visible()
        expect(page.locator(ANSWERS)).to_have_count(2)
        expect(page.locator("#stop-button")).to_have_count(0)  # it is there while an answer is being written
        reply = page.locator(ANSWERS).last.locator(".message-content").first
        expect(reply).to_have_text(re.compile(r"\S"))
        if picture:
            page.screenshot(path=picture)
        return reply.inner_text().strip()


def main(arguments: list[str]) -> int:
    if len(arguments) not in (2, 3):
        print("usage: python tests/support/browser_chat.py URL MESSAGE [PNG]", file=sys.stderr)
        return 2
    print(browser_chat(arguments[0], arguments[1], picture=Path(arguments[2]) if arguments[2:] else None))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
