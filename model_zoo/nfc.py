"""One spelling of each text that comes in from outside, Unicode's NFC. Standard library only.

macOS takes file names apart: its `é` is `e` and an accent, two code points (NFD). A model would learn two
characters where people see one, and no answer would equal its label. So whatever answers are held against
passes here where it comes in: labels, the words of a lexicon, charsets, patterns and expressions. The names
by which files are opened stay as they are.

Source: Unicode Standard Annex 15, "Unicode normalization forms".
"""

from __future__ import annotations

import unicodedata


def nfc(text: str) -> str:
    """`text` with letters and their marks as one code point wherever Unicode has one for them."""
    return unicodedata.normalize("NFC", text)
