"""A browser without a window, driven over a pipe: for tests that use a page as a person does, by keyboard and eye.

It speaks the DevTools protocol of Chromium over two file descriptors, so it needs no package and no port.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome")
"""The first has the same engine without the windows around it, and takes half of the processor."""

_KEYS = {"Tab": 9, "Enter": 13, " ": 32, "ArrowDown": 40, "Escape": 27, "/": 191}
_TIMEOUT_S = "3600"
"""After which a browser ends that nobody has ended: longer than all tests of a module take on any machine."""


def executable() -> str | None:
    """Return where Chromium is. None: this machine has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to = to_browser
        self._from = from_browser
        self._left = b""
        self._last = 0
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def call(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        """Send a command and return its result. Raise RuntimeError if the browser refuses it."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        message |= {"sessionId": session} if session else {}
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._last:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command to the page."""
        return self.call(method, self._session, **parameters)

    def open(self, url: str, *, width: int = 1280, height: int = 900, is_dark: bool = False) -> None:
        """Show a page in a window of this size."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.events.clear()
        self.send("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")

    def wait_for(self, event: str) -> None:
        """Wait until the page reports this."""
        while not any(one.get("method") == event for one in self.events):
            self.events.append(self._receive())

    def press(self, key: str, *, navigates: bool = False) -> None:
        """Press a key. `navigates`: wait until another page is there."""
        self.events.clear()
        named: dict[str, Any] = {"key": key, "windowsVirtualKeyCode": _KEYS[key], "code": key}
        text = {"Enter": "\r", " ": " ", "/": "/"}.get(key)
        self.send("Input.dispatchKeyEvent", type="keyDown", **named, **({"text": text} if text else {}))
        self.send("Input.dispatchKeyEvent", type="keyUp", **named)
        if navigates:
            self.wait_for("Page.loadEventFired")

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.send("Input.insertText", text=text)

    def wait_until(self, expression: str, timeout_s: float = 60) -> None:
        """Wait until a JavaScript expression is true. Raise TimeoutError, with the text of the page."""
        end = time.monotonic() + timeout_s
        while not self._holds(expression):
            if time.monotonic() > end:
                raise TimeoutError(f"never true: {expression}\n{self.value('document.body.innerText')}")
            time.sleep(0.01)

    def _holds(self, expression: str) -> bool:
        try:
            return bool(self.value(f"Boolean({expression})"))
        except RuntimeError:  # the page is just changing
            return False

    def value(self, expression: str) -> Any:
        """Return the value of a JavaScript expression in the page."""
        return self.send("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, path: str) -> None:
        """Save a picture of the whole page."""
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def complaints(self) -> list[str]:
        """Return what the browser has reported about the page: blocked content, above all."""
        logged = (one["params"]["entry"] for one in self.events if one.get("method") == "Log.entryAdded")
        return [entry["text"] for entry in logged if "favicon" not in entry.get("url", "")]

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._left:
            more = os.read(self._from, 1 << 16)
            if not more:
                raise RuntimeError("the browser has ended")
            self._left += more
        message, _, self._left = self._left.partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser, and end it and its files afterwards. Raise FileNotFoundError if this machine has none."""
    found = executable()
    if found is None:
        raise FileNotFoundError(f"none of {', '.join(NAMES)} is on the PATH")
    commands, to_browser = os.pipe()
    from_browser, answers = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:

        def arrange() -> None:
            spare = [os.dup(commands), os.dup(answers)]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        process = subprocess.Popen(
            [
                *(
                    "timeout",
                    _TIMEOUT_S,
                    found,
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-dev-shm-usage",
                    "--renderer-process-limit=1",  # no process for each page, and none to spare
                    "--disable-features=SpareRendererForSitePerProcess",
                ),
                *("--remote-debugging-pipe", f"--user-data-dir={folder}", "--no-first-run", "--disable-extensions"),
            ],
            close_fds=False,
            pass_fds=(),
            preexec_fn=arrange,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        try:
            yield Browser(to_browser, from_browser)
        finally:
            process.terminate()
            process.wait(60)
            os.close(to_browser)
            os.close(from_browser)
