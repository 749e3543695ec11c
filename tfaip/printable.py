"""Text that comes from data or from files of others, made harmless for terminals and logs."""

_LONGEST = 200


def printable(text: object) -> str:
    """Return `text` on one line, without control characters, and not too long: for a part of a message."""
    shown = "".join(c if c.isprintable() else _escaped(c) for c in str(text))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def without_controls(text: str) -> str:
    """Return `text` with control characters escaped, except for the ends of lines and tabulators."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in "\n\t" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
