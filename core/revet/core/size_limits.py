"""How long an object's lists may be: one request must not hold up everybody else's.

The API server takes a megabyte, which is hundreds of thousands of `{}`. Each may be a finding.
"""

from collections import Counter
from functools import cache
from typing import Any, Final, TypeGuard

import msgspec
from msgspec import structs

from revet.core.errors import ManifestError

#: What is no larger has too little room for harm, and is nearly everything.
_SMALL: Final = 16 * 1024
_MOST_ITEMS: Final = 2_000
_MOST_TEXTS: Final = 20_000
#: By the name of the list, where the general bound would be in people's way or too much.
_MOST: Final = {
    "env": 10_000,
    "except": 10_000,
    "from": 10_000,
    "loadBalancerSourceRanges": 2_000,
    "rules": 1_000,
    "to": 10_000,
    "volumeMounts": 10_000,
}


def refuse_absurd(kind: str, data: bytes | msgspec.Raw, *parts: msgspec.Struct) -> None:
    """Refuse an object whose lists of one name have more items together than anybody needs.

    Raises:
        ManifestError: it is such a one; the message names the list and the limit.

    """
    if len(memoryview(data)) <= _SMALL:
        return
    counts: Counter[str] = Counter()
    waiting = list(parts)
    while waiting:
        part = waiting.pop()
        for attribute, name in _fields(type(part)):
            value: object = getattr(part, attribute)
            if isinstance(value, msgspec.Struct):
                waiting.append(value)
            elif _is_tuple(value) and value:
                are_structs = isinstance(value[0], msgspec.Struct)
                counts[name] += len(value)
                most = _MOST.get(name, _MOST_ITEMS if are_structs else _MOST_TEXTS)
                if counts[name] > most:
                    raise ManifestError(f"{kind}: {counts[name]} {name}, must be {most} at most")
                waiting += value if are_structs else ()


def _is_tuple(value: object) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(value, tuple)


@cache
def _fields(wire: type[msgspec.Struct]) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.encode_name) for each in structs.fields(wire))
