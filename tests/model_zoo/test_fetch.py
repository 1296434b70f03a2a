"""`model-zoo fetch-data` against a server on this machine: what it keeps, refuses and leaves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from fetching import Site, digest, image_bytes, packed, refused, run

from model_zoo import fetch


def test_a_zip_of_any_address_is_unpacked_and_its_folder_left_out(site: Site) -> None:
    content = packed(set__aa_png=image_bytes(), set__more__bb_png=image_bytes())
    url = site.redirect(site.serve(content))

    result = run("mine", "--url", url, "--sha256", digest(content).upper())

    assert result.exit_code == 0, result.output
    assert result.stdout == f"mine: 2 images; the archive has sha256 {digest(content)} (as asked for)\n"
    assert sorted(str(path) for path in Path().rglob("*")) == [
        "mine",
        "mine/aa.png",
        "mine/more",
        "mine/more/bb.png",
    ]
    assert Path("mine/aa.png").read_bytes() == image_bytes()
    assert Path("mine").stat().st_mode & 0o777 == 0o777 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture
def small_set(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The known set has three images and no address yet."""
    small = fetch.DataSet(f"{site.url}/known.zip", 3, 2, "ab")
    monkeypatch.setitem(fetch.KNOWN, "captcha_images_v2", small)


@pytest.mark.usefixtures("small_set")
def test_the_known_set_needs_its_name_alone_and_its_digest_is_told(site: Site) -> None:
    content = packed(aa_png=image_bytes(), ab_png=image_bytes(), bb_png=image_bytes())
    site.pages["/known.zip"] = (200, {}, content)

    result = run("captcha_images_v2", "--out", "new/data")

    assert result.stdout == (
        f"new/data: 3 images; the archive has sha256 {digest(content)} "
        "(not compared: give --sha256 to insist on one)\n"
    )
    assert sorted(path.name for path in Path("new/data").iterdir()) == ["aa.png", "ab.png", "bb.png"]


@pytest.mark.usefixtures("small_set")
@pytest.mark.parametrize(
    ("names", "message"),
    [
        pytest.param(
            ("aa.png", "bb.png"),
            "the archive holds 2 images, expected 3; this is not the data set, or another version of it",
            id="one too few",
        ),
        pytest.param(
            ("aa.png", "bb.png", "ac.png"),
            "image 'ac.png' of the archive is not named by 2 characters of ab; "
            "this is not the data set, or another version of it",
            id="a strange character",
        ),
        pytest.param(
            ("aa.png", "bb.png", "aab.png"),
            "image 'aab.png' of the archive is not named by 2 characters of ab; "
            "this is not the data set, or another version of it",
            id="a strange length",
        ),
    ],
)
def test_what_is_not_the_known_set_is_refused(site: Site, names: tuple[str, ...], message: str) -> None:
    content = packed(**{name.replace(".", "_"): image_bytes() for name in names})
    site.pages["/known.zip"] = (200, {}, content)

    assert refused("captcha_images_v2") == message


def test_the_known_set_is_what_the_post_describes() -> None:
    known = fetch.KNOWN["captcha_images_v2"]

    assert known.url.startswith("https://github.com/AakashKumarNain/CaptchaCracker/raw/master/")
    assert (known.images, known.length, len(set(known.charset)), len(known.charset)) == (1_040, 5, 19, 19)


def test_an_image_that_does_not_decode_is_refused(site: Site) -> None:
    content = packed(aa_png=image_bytes(), bb_png=image_bytes()[:-30])

    message = refused("mine", "--url", site.serve(content), "--sha256", digest(content))

    assert message.startswith(
        "image 'bb.png' of the archive is unreadable: the image ends before its data does"
    )


def test_an_archive_without_images_or_without_a_label_is_refused(site: Site) -> None:
    text, nameless = packed(readme=b"hello"), packed(_1_png=image_bytes())

    assert refused("mine", "--url", site.serve(text), "--sha256", digest(text)) == (
        "the archive holds no images; expected files named LABEL.png; nothing was kept"
    )
    assert refused("mine", "--url", site.serve(nameless), "--sha256", digest(nameless)) == (
        "file '_1.png' has no label before its first underscore; rename it to LABEL.png; nothing was kept"
    )


def test_another_digest_is_refused(site: Site) -> None:
    content = packed(aa_png=image_bytes())

    assert refused("mine", "--url", site.serve(content), "--sha256", "0" * 64) == (
        f"the archive has sha256 {digest(content)}, expected {'0' * 64}; "
        "it is another file, or was changed on its way"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["unheard-of"],
            "data set 'unheard-of' is unknown; known are captcha_images_v2; "
            "fetch any other zip by --url and --sha256",
        ),
        (
            ["mine", "--url", "http://127.0.0.1/a.zip"],
            "an archive of --url is taken only with its --sha256; give both",
        ),
        (["../mine"], "name '../mine' is not usable; use letters, digits and . _ - only"),
        (["captcha_images_v2", "--sha256", "12"], "'12' is no sha256; expected 64 hex digits"),
        *(
            (
                ["mine", "--url", url, "--sha256", "0" * 64],
                f"{url!r} is no address to download from; give one that begins with https:// or http://",
            )
            for url in ("file:///etc/passwd", "ftp://127.0.0.1/a.zip", "a.zip", "http://", "http://[1")
        ),
    ],
)
@pytest.mark.usefixtures("site")
def test_what_cannot_be_is_refused_without_a_download(arguments: list[str], message: str) -> None:
    assert refused(*arguments) == message


def test_an_existing_folder_is_kept_unless_it_is_to_be_replaced(site: Site) -> None:
    content = packed(aa_png=image_bytes())
    arguments = ("mine", "--url", site.serve(content), "--sha256", digest(content))
    Path("mine").mkdir()
    Path("mine/old.txt").write_text("mine")

    assert refused(*arguments) == "'mine' exists already; give another --out, or replace it with --force"
    assert refused(*arguments[:-1], "0" * 64, "--force").startswith(
        f"the archive has sha256 {digest(content)}"
    )

    result = run(*arguments, "--force")

    assert result.exit_code == 0, result.output
    assert [str(path) for path in Path().rglob("*")] == ["mine", "mine/aa.png"]


def test_an_empty_folder_may_get_the_images(site: Site) -> None:
    content = packed(aa_png=image_bytes())
    Path("mine").mkdir()

    assert run("mine", "--url", site.serve(content), "--sha256", digest(content)).exit_code == 0
    assert [str(path) for path in Path().rglob("*")] == ["mine", "mine/aa.png"]


def test_ctrl_c_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    content = packed(aa_png=image_bytes())

    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "unpack", interrupt)

    result = run("mine", "--url", site.serve(content), "--sha256", digest(content))

    assert (result.exit_code, result.stderr) == (130, "Stopped by Ctrl-C.\n")
    assert list(Path().iterdir()) == []


def test_what_stood_there_comes_back_where_the_new_folder_cannot_be_put(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = packed(aa_png=image_bytes())
    Path("mine").mkdir()
    Path("mine/old.txt").write_text("mine")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)

    assert refused("mine", "--url", site.serve(content), "--sha256", digest(content), "--force") == (
        "'mine' cannot be put in place (Input/output error); give another --out"
    )


def test_a_place_that_cannot_be_written_is_refused(site: Site) -> None:
    Path("file").write_text("no folder")

    assert refused("mine", "--url", f"{site.url}/a", "--sha256", "0" * 64, "--out", "file/mine") == (
        f"'{Path('file').absolute()}' is a file; give a folder"
    )
