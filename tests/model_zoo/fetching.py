"""A web server on this machine, zips for it, and `model-zoo fetch-data` as the tests call it."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image

from model_zoo.cli import main


@dataclass
class Site:
    """What the server answers: path -> (status, headers, body)."""

    url: str
    pages: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)

    def serve(self, body: bytes, **headers: str) -> str:
        """The address of a new page with that body."""
        path = f"/{len(self.pages)}.zip"
        self.pages[path] = (200, headers, body)
        return self.url + path

    def redirect(self, place: str) -> str:
        """The address of a page that leads to `place`."""
        path = f"/{len(self.pages)}.zip"
        self.pages[path] = (302, {"Location": place, "Content-Length": "0"}, b"")
        return self.url + path


@contextmanager
def serving() -> Iterator[Site]:
    """A web server on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = site.pages.get(self.path, (404, {"Content-Length": "0"}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        site = Site(f"http://127.0.0.1:{running.server_port}")
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            running.shutdown()
            thread.join()


def image_bytes() -> bytes:
    """A small PNG."""
    file = io.BytesIO()
    Image.new("L", (4, 4), 128).save(file, "PNG")
    return file.getvalue()


def packed(**files: bytes) -> bytes:
    """A zip; a name's double underscore stands for a slash, `_png` for the extension."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "/").replace("_png", ".png"), data)
    return content.getvalue()


def digest(content: bytes) -> str:
    """sha256 in hex."""
    return hashlib.sha256(content).hexdigest()


def run(*arguments: str) -> Result:
    """The command in this process."""
    return CliRunner().invoke(main, ["fetch-data", *arguments])


def refused(*arguments: str) -> str:
    """What the command said; it must have left nothing."""
    before = sorted(str(path) for path in Path().rglob("*"))
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert sorted(str(path) for path in Path().rglob("*")) == before
    assert result.stdout == ""
    return result.stderr.removeprefix("Error: ").removesuffix("\n")
