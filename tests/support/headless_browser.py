"""Chromium without a window, spoken to through a pipe: what a page asks for, says and does."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

BROWSER = os.environ.get("CHROMIUM") or next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
"""The program, or None where there is none."""
SECONDS = float(os.environ.get("BROWSER_SECONDS", "300"))
"""How long an answer may take; on a machine that is busy with other work a start alone takes a minute."""
QUIET = ("background-networking", "component-update", "default-apps", "extensions", "sync", "gpu", "dev-shm-usage")


class Browser:
    """One page of a browser; a context manager.

    Attributes:
        requests: addresses that were asked for.
        messages: what reached the console or the browser's log.
    """

    def __init__(self, profile: Path) -> None:
        assert BROWSER is not None
        (to_read, self._to), (self._from, from_write) = os.pipe(), os.pipe()
        options = ["--headless=new", "--no-sandbox", "--no-first-run", *(f"--disable-{each}" for each in QUIET)]
        options += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        # The browser reads file 3 and writes file 4.
        line = f'exec 3<&{to_read} 4>&{from_write}; exec "$0" "$@"'
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", line, BROWSER, *options],
            pass_fds=(to_read, from_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        self._number, self._rest, self._session = 0, b"", ""
        self._loaded: set[str] = set()
        self.requests: list[str] = []
        self.messages: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Page.setLifecycleEventsEnabled", enabled=True)

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        os.close(self._from)
        self._process.terminate()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol; what happens meanwhile is noted.

        Raises:
            AssertionError: it fails, or is not answered within ``SECONDS``.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + SECONDS
        while True:
            answer = self._read(until, method)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self._note(answer)

    def _read(self, until: float, waiting_for: str) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready = select.select([self._from], [], [], max(0.0, until - time.monotonic()))[0]
            assert ready, f"the browser has not answered {waiting_for} within {SECONDS:g} s"
            block = os.read(self._from, 1 << 20)
            assert block, "the browser has ended"
            self._rest += block
        whole, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(whole))

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        if event.get("method") == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event.get("method") == "Runtime.consoleAPICalled":
            self.messages.append(str(parameters["args"]))
        elif event.get("method") == "Runtime.exceptionThrown":
            self.messages.append(str(parameters["exceptionDetails"]))
        elif event.get("method") == "Log.entryAdded":
            self.messages.append(parameters["entry"]["text"])
        elif event.get("method") == "Page.lifecycleEvent" and parameters["name"] == "load":
            self._loaded.add(parameters["loaderId"])

    def open(self, page: Path, width: int = 1400, height: int = 1000, scheme: str = "light") -> None:
        """Show a page in a window of a size and a colour scheme, and wait until it is loaded."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        # Waiting for the event takes no processor time, which asking again and again takes from the page itself.
        loader = self.call("Page.navigate", url=page.as_uri())["loaderId"]
        until = time.monotonic() + SECONDS
        while loader not in self._loaded:
            self._note(self._read(until, f"{page.name} with a load event"))

    def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))

    def value(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key of the keyboard."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)
