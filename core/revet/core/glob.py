"""Globs of texts: * stands for any characters, ? for one; slashes and dots are characters, too."""


def matches(glob: str, text: str) -> bool:
    """Return whether a glob matches the whole of a text, in time that no text makes long."""
    at_glob = at_text = 0
    star, after = -1, 0
    while at_text < len(text):
        if at_glob < len(glob) and glob[at_glob] == "*":
            star, after = at_glob, at_text
            at_glob += 1
        elif at_glob < len(glob) and glob[at_glob] in {"?", text[at_text]}:
            at_glob += 1
            at_text += 1
        elif star >= 0:
            # The last star takes one character more; those before it need not.
            after += 1
            at_glob, at_text = star + 1, after
        else:
            return False
    return all(char == "*" for char in glob[at_glob:])
