"""One file over HTTP into a file, within limits. Standard library only.

Only http and https are ever spoken, also after a redirect, and https never falls back to http.
"""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from model_zoo.errors import DataError
from model_zoo.visible import visible

_SCHEMES = ("http", "https")
_CHUNK_BYTES = 64 * 2**10
_MEGABYTE = 10**6


@dataclass(frozen=True)
class DownloadLimits:
    """When a download is given up.

    Attributes:
        max_bytes: of the file.
        timeout_s: without a byte, and for the connection itself.
    """

    max_bytes: int = 200 * _MEGABYTE
    timeout_s: float = 30.0


DEFAULT_DOWNLOAD_LIMITS = DownloadLimits()

# Called with the bytes so far and those announced, None where nothing is announced.
Progress = Callable[[int, int | None], None]


def download(
    url: str,
    path: Path,
    limits: DownloadLimits = DEFAULT_DOWNLOAD_LIMITS,
    progress: Progress = lambda done, total: None,
) -> str:
    """Write what `url` leads to into `path`.

    Returns:
        The sha256 of the file, in hex.

    Raises:
        DataError: an address that is none or cannot be reached, an answer that is no file, one that is too
            large or cut short, a file that cannot be written.
    """
    _check_address(url)
    try:
        with _opener().open(urllib.request.Request(url), timeout=limits.timeout_s) as response:
            return _save(response, url, path, limits, progress)
    except urllib.error.HTTPError as error:
        with error:
            said = _plain(f"{error.code} {error.reason}")
        raise DataError(f"{url!r} answered {said}; check the address") from error
    except TimeoutError as error:
        raise _silent(url, limits) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            raise _silent(url, limits) from error
        said = _plain(getattr(reason, "strerror", None) or str(reason) or type(error).__name__)
        raise DataError(f"{url!r} cannot be read ({said}); check the address and the network") from error


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone; the parent class would also follow them to ftp."""

    def http_error_302(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
        """Look where it leads before it is followed.

        Raises:
            DataError: another scheme than http and https, or from https to http.
        """
        place = headers.get("location") or headers.get("uri") or ""
        scheme = urllib.parse.urlsplit(urllib.parse.urljoin(req.full_url, place)).scheme.lower()
        if scheme not in _SCHEMES or (req.type == "https" and scheme == "http"):
            fp.close()
            raise DataError(
                f"{req.full_url!r} redirects to {place!r:.200}, which is not followed; "
                f"expected {'https' if req.type == 'https' else 'http or https'}"
            )
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302


def _opener() -> urllib.request.OpenerDirector:
    """Without the handlers of file:, ftp: and data: that `build_opener` adds."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _SafeRedirects(),
    ):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", "captchafleet")]
    return opener


def _check_address(url: str) -> None:
    try:
        parts = urllib.parse.urlsplit(url)
        fits = parts.scheme.lower() in _SCHEMES and bool(parts.hostname)
    except ValueError:  # brackets that hold no IPv6 address
        fits = False
    if not fits:
        raise DataError(
            f"{url!r} is no address to download from; give one that begins with https:// or http://"
        )


def _plain(reason: str) -> str:
    """What a server or the system said, as part of one sentence."""
    return visible(" ".join(reason.split())[:200])


def _silent(url: str, limits: DownloadLimits) -> DataError:
    return DataError(
        f"{url!r} sent nothing for {limits.timeout_s:g} s; try again, or give a longer --timeout"
    )


def _save(response: Any, url: str, path: Path, limits: DownloadLimits, progress: Progress) -> str:
    announced = response.headers.get("Content-Length", "")
    total = int(announced) if announced.isascii() and announced.isdigit() else None
    digest, done = hashlib.sha256(), 0
    with _created(path) as file:
        while True:
            if max(done, total or 0) > limits.max_bytes:
                raise DataError(
                    f"{url!r} has more than {limits.max_bytes / _MEGABYTE:g} MB; "
                    "raise --max-mb if that is right"
                )
            if not (chunk := response.read(_CHUNK_BYTES)):
                break
            done += len(chunk)
            digest.update(chunk)
            _write(file, chunk)
            progress(done, total)
    if total is not None and done < total:
        raise DataError(f"{url!r} broke off after {done:,} of {total:,} bytes; try again")
    return digest.hexdigest()


def _created(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise _unwritable(error) from error


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()  # now, so that closing has nothing left to fail with
    except OSError as error:
        raise _unwritable(error) from error


def _unwritable(error: OSError) -> DataError:
    return DataError(
        f"the download cannot be written ({error.strerror}); make room, or give another place by --out"
    )
