"""What PyYAML complains of, in our words and with its place; apart, since it counts its own way."""

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from revet.cli.load.places import Place, TextError


def explain(data: bytes, error: YAMLError, first_line: int) -> TextError:
    """Return the error to raise for a text in which `first_line` lines stand above `data`."""
    if isinstance(error, ReaderError):
        return _explain_character(data, error, first_line)
    if not isinstance(error, MarkedYAMLError):
        return TextError(f"not YAML: {error}", Place(first_line + 1, 1))
    said = ", ".join(filter(None, (error.context, error.problem)))
    return TextError(f"not YAML: {said}", _find(data, error, first_line))


def _find(data: bytes, error: MarkedYAMLError, first_line: int) -> Place | None:
    """Return the place of an error; one at the end of the text is where the text ends, not below.

    What is open there says more, where PyYAML tells it.
    """
    text = data.rstrip()
    last_line = text.count(b"\n")
    marks = [mark for mark in (error.problem_mark, error.context_mark) if mark]
    for mark in marks:
        if mark.line <= last_line:
            return Place(first_line + mark.line + 1, mark.column + 1)
    column = len(text[text.rfind(b"\n") + 1 :].decode())
    return Place(first_line + last_line + 1, column + 1) if marks else None


def _explain_character(data: bytes, error: ReaderError, first_line: int) -> TextError:
    code = error.character if isinstance(error.character, int) else ord(error.character)
    before = data[: max(data.find(chr(code).encode()), 0)]
    column = len(before[before.rfind(b"\n") + 1 :].decode())
    place = Place(first_line + before.count(b"\n") + 1, column + 1)
    return TextError(f"not YAML: the character U+{code:04X} is not allowed", place)
