"""JSON of strangers, parsed within bounds."""

import json
from typing import Any

#: A description of 12,000 studies with titles and 6,000 terms is 2 MB.
LARGEST = 128 * 2**20
# Objects and lists take up to a hundred times as many bytes in memory as in a file, values ten.
_MOST_CONTAINERS, _MOST_VALUES = 500_000, 8_000_000


def parse(content: bytes) -> Any:
    """Parse JSON that takes no more memory than some hundred megabytes besides its strings.

    Parameters
    ----------
    content : bytes
        UTF-8, of at most `LARGEST` bytes.

    Raises
    ------
    ValueError
        If it is no JSON, holds NaN, infinity or a key twice, or more objects, lists or values than
        any description.
    RecursionError
        If it is nested without end.
    """
    # Those within strings are counted, too: it is a bound.
    n_containers = content.count(b"{") + content.count(b"[")
    if n_containers > _MOST_CONTAINERS or content.count(b",") > _MOST_VALUES:
        raise ValueError(
            f"more than {_MOST_CONTAINERS} objects and lists, or {_MOST_VALUES} values"
        )
    return json.loads(content.decode("utf-8"), parse_constant=_refuse, object_pairs_hook=_once)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not allowed")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make a dict of pairs; of a key that stands there twice nobody knows which value is meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r:.80} stands twice in one object")
    return found
