"""What a server may answer to `model-zoo fetch-data`, and that every other answer is one sentence."""

from __future__ import annotations

import io
import resource
import socket
import threading
import urllib.request

import pytest
from fetching import Site, refused

from model_zoo.download import _SafeRedirects
from model_zoo.errors import DataError


def test_what_is_not_there_is_one_sentence(site: Site) -> None:
    url = f"{site.url}/nowhere"

    assert refused("mine", "--url", url, "--sha256", "0" * 64) == (
        f"'{url}' answered 404 Not Found; check the address"
    )


def test_a_refused_connection_is_one_sentence(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.zip"

    assert refused("mine", "--url", url, "--sha256", "0" * 64) == (
        f"'{url}' cannot be read (Connection refused); check the address and the network"
    )


def test_a_silent_server_is_given_up(site: Site) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/a.zip"

        message = refused("mine", "--url", url, "--sha256", "0" * 64, "--timeout", "0.1")

    assert message == f"'{url}' sent nothing for 0.1 s; try again, or give a longer --timeout"


def test_what_is_no_answer_of_the_web_is_one_sentence(site: Site) -> None:
    with socket.socket() as odd:
        odd.bind(("127.0.0.1", 0))
        odd.listen()
        url = f"http://127.0.0.1:{odd.getsockname()[1]}/a.zip"

        def answer() -> None:
            with odd.accept()[0] as connection:
                connection.recv(1000)
                connection.sendall(b"\x1b[2J hello\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        message = refused("mine", "--url", url, "--sha256", "0" * 64)
        thread.join()

    assert message == f"'{url}' cannot be read (\\x1b[2J hello); check the address and the network"


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/a.zip", "data:text/plain,hello"])
def test_a_redirect_to_another_scheme_is_not_followed(site: Site, place: str) -> None:
    url = site.redirect(place)

    assert refused("mine", "--url", url, "--sha256", "0" * 64) == (
        f"'{url}' redirects to '{place}', which is not followed; expected http or https"
    )


def test_https_never_falls_back_to_http() -> None:
    request = urllib.request.Request("https://example.org/a.zip")

    with pytest.raises(DataError) as caught:
        _SafeRedirects().http_error_302(
            request, io.BytesIO(), 302, "Found", {"location": "http://example.org/"}
        )

    assert str(caught.value) == (
        "'https://example.org/a.zip' redirects to 'http://example.org/', which is not followed; "
        "expected https"
    )


def test_redirects_in_a_circle_end(site: Site) -> None:
    url = site.redirect("/0.zip")

    assert refused("mine", "--url", url, "--sha256", "0" * 64).startswith(f"'{url}' answered 302 ")


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "found out"])
def test_a_download_larger_than_the_limit_is_given_up(site: Site, announced: bool) -> None:
    body = bytes(300_000)
    url = site.serve(body, **({"Content_Length": str(len(body))} if announced else {}))

    assert refused("mine", "--url", url, "--sha256", "0" * 64, "--max-mb", "0.2") == (
        f"'{url}' has more than 0.2 MB; raise --max-mb if that is right"
    )


def test_a_download_that_breaks_off_is_refused(site: Site) -> None:
    url = site.serve(b"half", Content_Length="1000")

    assert refused("mine", "--url", url, "--sha256", "0" * 64) == (
        f"'{url}' broke off after 4 of 1,000 bytes; try again"
    )


def test_a_full_disk_is_one_sentence_and_leaves_nothing(site: Site) -> None:
    """A limit of the process stands for the disk; the system's words differ, the way is the same."""
    url = site.serve(bytes(300_000))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        message = refused("mine", "--url", url, "--sha256", "0" * 64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert message == (
        "the download cannot be written (File too large); make room, or give another place by --out"
    )
