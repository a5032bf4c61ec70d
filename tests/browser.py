"""A real Chromium without a window, driven through its own pipe (the DevTools protocol): no driver, no Node.

with Browser() as browser:
    page = browser.open("http://127.0.0.1:8000/")
    page.run("document.title")
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import tempfile
import time
from typing import Any

__all__ = ["Browser", "Page"]

_SECONDS = 60.0
_START_SECONDS = 20.0
_STARTS = 3
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)


def _chromium() -> str:
    """The program; the tests need it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next((found for name in names if (found := shutil.which(name))), None)
    assert program is not None, "chromium is missing: run scripts/install-test-needs"
    return program


class Browser:
    """One browser with a profile of its own, which is thrown away with it."""

    def __enter__(self) -> Browser:
        """A browser that answers; on a busy machine one in thousands never says its first word, and another is begun."""
        for _ in range(_STARTS):
            self._start()
            self._number = 1
            os.write(self._out, b'{"id": 1, "method": "Browser.getVersion"}\0')
            if select.select([self._in], [], [], _START_SECONDS)[0]:
                self.next()
                return self
            self.__exit__()
        raise AssertionError(f"of {_STARTS} browsers none said a word")

    def _start(self) -> None:
        program = _chromium()
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_here, write_there = os.pipe()
        read_there, write_here = os.pipe()
        self._pid = os.posix_spawn(
            program,
            [program, *_FLAGS, f"--user-data-dir={self._profile.name}"],
            {**os.environ, "HOME": self._profile.name},
            file_actions=[
                # First out of the way, as one may be the 3 or 4 that the browser looks for.
                (os.POSIX_SPAWN_DUP2, read_there, 103),
                (os.POSIX_SPAWN_DUP2, write_there, 104),
                (os.POSIX_SPAWN_DUP2, 103, 3),
                (os.POSIX_SPAWN_DUP2, 104, 4),
                (os.POSIX_SPAWN_CLOSE, 103),
                (os.POSIX_SPAWN_CLOSE, 104),
                (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            ],
            setpgroup=0,
        )
        os.close(read_there)
        os.close(write_there)
        self._out, self._in = write_here, read_here
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def __exit__(self, *_: object) -> None:
        os.killpg(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._out)
        os.close(self._in)
        self._profile.cleanup()

    def open(
        self, address: str, *, before: str = "", headers: dict[str, str] | None = None
    ) -> Page:
        """A new tab at an address; `before` runs in each of its pages before anything of the page does."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})
        page = Page(self, attached["sessionId"], target)
        for domain in ("Page", "Runtime", "Network"):
            page.call(f"{domain}.enable")
        if before:
            page.call("Page.addScriptToEvaluateOnNewDocument", {"source": before})
        if headers:
            page.call("Network.setExtraHTTPHeaders", {"headers": headers})
        page.go(address)
        return page

    def call(
        self, method: str, values: dict[str, Any] | None = None, *, session: str | None = None
    ) -> dict[str, Any]:
        """One command and what the browser answers."""
        self._number += 1
        command: dict[str, Any] = {"id": self._number, "method": method, "params": values or {}}
        if session is not None:
            command["sessionId"] = session
        os.write(self._out, json.dumps(command).encode() + b"\0")
        while (found := self.next())["id"] != self._number:
            pass
        assert "error" not in found, (method, found["error"])
        answer: dict[str, Any] = found["result"]
        return answer

    def next(self) -> dict[str, Any]:
        """The next thing that the browser says that is an answer; events are kept on the way."""
        while True:
            found = self._read()
            if "id" in found:
                return found
            self.events.append(found)

    def _read(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], _SECONDS)
            assert ready, "the browser says nothing"
            piece = os.read(self._in, 1 << 16)
            assert piece, "the browser went away"
            self._rest += piece
        text, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(text)
        return found


class Page:
    """A tab."""

    def __init__(self, browser: Browser, session: str, target: str) -> None:
        self._browser, self._session, self._target = browser, session, target

    def call(self, method: str, values: dict[str, Any] | None = None) -> dict[str, Any]:
        """One command to this tab."""
        return self._browser.call(method, values, session=self._session)

    def go(self, address: str) -> None:
        """Follow an address, and wait until the page is loaded."""
        self.call("Page.navigate", {"url": address})
        self.until(
            f"location.href.startsWith({json.dumps(address)}) && document.readyState == 'complete'"
        )

    def reload(self) -> None:
        """Load the page again, and wait until it is there."""
        self.run("window.old = true")
        self.call("Page.reload")
        self.until("!window.old && document.readyState == 'complete'")

    def run(self, script: str) -> Any:
        """The value of a script in the page; promises are waited for."""
        wanted = {"expression": script, "returnByValue": True, "awaitPromise": True}
        found = self.call("Runtime.evaluate", wanted)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until a script is true; a page that is just being left counts as not yet."""
        deadline = time.monotonic() + _SECONDS
        while True:
            found = self.call("Runtime.evaluate", {"expression": script, "returnByValue": True})
            if found.get("result", {}).get("value") is True:
                return
            assert time.monotonic() < deadline, script
            time.sleep(0.05)

    def offline(self, off: bool) -> None:
        """Take the network away, or give it back."""
        values = {"offline": off, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", values)

    def close(self) -> None:
        """Leave the page as a visitor who closes the tab does."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})
