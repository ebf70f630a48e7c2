"""Text from files is shown as it is, never obeyed: one line, and no character that a terminal acts upon."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text on one line; what cannot be seen (control and format characters) is spelled as its code point."""
    return "".join(c if c.isprintable() else f"<U+{ord(c):04X}>" for c in " ".join(text.split()))
