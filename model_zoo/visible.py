"""Texts from outside made harmless and visible: file names, labels, answers, messages.

A file may be called "\\x1b[2J" (clears a terminal), hold a right-to-left override that turns its name around,
or bytes that are no UTF-8 and cannot be written at all. A reader should see such a name, not its effect.
"""

from __future__ import annotations

_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str, encoding: str = "utf-8") -> str:
    """`text` with everything that is no plain character as an escape: \\n, \\x1b, \\u202e.

    Args:
        text: anything, surrogates of `os.fsdecode` included (they are shown as the byte they stand for).
        encoding: of the output; what it cannot hold is escaped too.
    """
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escape(char) for char in text)
    if encoding.startswith("utf"):
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def visible_character(char: str, encoding: str = "utf-8") -> str:
    """One character for a table, where a space alone would look like nothing."""
    return "space" if char == " " else visible(char, encoding)


def _escape(char: str) -> str:
    code = ord(char)
    if char in _NAMED:
        return _NAMED[char]
    if 0xDC80 <= code <= 0xDCFF:  # surrogateescape: a byte of a file name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
