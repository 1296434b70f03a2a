"""Public data sets of labelled captchas: downloaded, checked, unpacked, all or nothing.

`captcha_images_v2` is Wilhelmy and Rosas (2013), as packed in AakashKumarNain/CaptchaCracker. No digest of
that archive is known here, so what is checked is what is known of its images.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from model_zoo.atomic import check_folder
from model_zoo.cards import NAME_PATTERN
from model_zoo.download import DEFAULT_DOWNLOAD_LIMITS, DownloadLimits, Progress, download
from model_zoo.errors import DataError, UnreadableImage
from model_zoo.preprocess import read_image
from model_zoo.split import LabelledFile, labelled_files
from model_zoo.unpack import unpack

_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class DataSet:
    """What is known of a public data set.

    Attributes:
        url: of a zip of images named LABEL.png.
        images: in it.
        length: characters of every label.
        charset: every character of them.
    """

    url: str
    images: int
    length: int
    charset: str


KNOWN: dict[str, DataSet] = {
    "captcha_images_v2": DataSet(
        url="https://github.com/AakashKumarNain/CaptchaCracker/raw/master/captcha_images_v2.zip",
        images=1_040,
        length=5,
        charset="2345678bcdefgmnpwxy",
    )
}


@dataclass(frozen=True)
class FetchOptions:
    """What is to be fetched.

    Attributes:
        name: one of `KNOWN`, or of your own with a `url`.
        out: folder that gets the images.
        url: of the zip; None for the known one. A known set's checks hold for another address as well.
        sha256: that the zip must have, in hex; None to check what is known of the images alone.
        force: replace a folder that is there.
        limits: of the download.
    """

    name: str
    out: Path
    url: str | None = None
    sha256: str | None = None
    force: bool = False
    limits: DownloadLimits = DEFAULT_DOWNLOAD_LIMITS


@dataclass(frozen=True)
class Fetched:
    """What came: how many images, and the sha256 of the zip in hex."""

    images: int
    sha256: str


def fetch(options: FetchOptions, progress: Progress = lambda done, total: None) -> Fetched:
    """Download a zip of labelled images, check it, unpack it.

    Everything happens in a folder beside `out`, which is renamed at the end and removed after an error.

    Raises:
        DataError: options that cannot be, a download, an archive or images that are not what they should be,
            a place that cannot be written.
    """
    url = _checked_url(options)
    with _workplace(options.out) as folder:
        archive, new = folder / "archive.zip", folder / "new"
        found = download(url, archive, options.limits, progress)
        if options.sha256 is not None and found != options.sha256.lower():
            raise DataError(
                f"the archive has sha256 {found}, expected {options.sha256.lower()}; "
                "it is another file, or was changed on its way"
            )
        unpack(archive, new)
        images = _check_images(_images(new), KNOWN.get(options.name))
        _put_in_place(new, options.out, folder / "old")
    return Fetched(images, found)


def _checked_url(options: FetchOptions) -> str:
    """The address to download from, after every check that needs no network."""
    known, sha256 = KNOWN.get(options.name), options.sha256
    if not NAME_PATTERN.fullmatch(options.name):
        raise DataError(f"name {options.name!r} is not usable; use letters, digits and . _ - only")
    if sha256 is not None and not _SHA256.fullmatch(sha256.lower()):
        raise DataError(f"{sha256!r} is no sha256; expected 64 hex digits")
    if known is None and options.url is None:
        raise DataError(
            f"data set {options.name!r} is unknown; known are {', '.join(KNOWN)}; "
            "fetch any other zip by --url and --sha256"
        )
    if options.url is not None and sha256 is None:
        raise DataError("an archive of --url is taken only with its --sha256; give both")
    if _is_taken(options.out) and not options.force:
        raise DataError(
            f"{str(options.out)!r} exists already; give another --out, or replace it with --force"
        )
    return options.url or (known.url if known else "")


def _is_taken(out: Path) -> bool:
    return out.is_symlink() or out.is_file() or (out.is_dir() and any(out.iterdir()))


@contextmanager
def _workplace(out: Path) -> Iterator[Path]:
    """A folder beside `out`, on the same disk, that goes when all is done or anything fails."""
    beside = out.absolute().parent
    check_folder(beside)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=beside, ignore_cleanup_errors=True) as name:
        yield Path(name)


def _images(folder: Path) -> list[LabelledFile]:
    try:
        return labelled_files(folder)
    except DataError as error:
        # Of a folder that is about to go, so its path would help nobody.
        said = str(error).replace(f"{folder}/", "").replace(f"data folder {str(folder)!r}", "the archive")
        raise DataError(f"{said}; nothing was kept") from error


def _check_images(files: list[LabelledFile], known: DataSet | None) -> int:
    """Every image decodes, and a known set is what is known of it.

    Returns:
        How many there are.
    """
    for file in files:
        try:
            read_image(file.path)
        except UnreadableImage as error:
            raise DataError(f"image {file.path.name!r} of the archive is unreadable: {error}") from error
        if known and not (len(file.path.stem) == known.length and set(file.path.stem) <= set(known.charset)):
            raise DataError(
                f"image {file.path.name!r} of the archive is not named by {known.length} characters of "
                f"{known.charset}; this is not the data set, or another version of it"
            )
    if known and len(files) != known.images:
        raise DataError(
            f"the archive holds {len(files):,} images, expected {known.images:,}; "
            "this is not the data set, or another version of it"
        )
    return len(files)


def _put_in_place(new: Path, out: Path, old: Path) -> None:
    """Rename; what stood there before is put back where that fails, and goes with the workplace where not."""
    try:
        if _is_taken(out):
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    except OSError as error:
        raise DataError(
            f"{str(out)!r} cannot be put in place ({error.strerror}); give another --out"
        ) from error
