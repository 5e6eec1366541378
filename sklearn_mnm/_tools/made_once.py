"""Values that are made once for an object: no part of it, and gone with it."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

_MADE: WeakKeyDictionary[Any, dict[Any, tuple[Any, Any]]] = WeakKeyDictionary()


def made_once(owner: Any, name: Any, make: Callable[[], Any], state: Any = None) -> Any:
    """Give a value that is made for an object when it is first asked for.

    Parameters
    ----------
    owner : object
        What the value is made for.
    name : hashable
        Of the value.
    make : callable
        Makes it.
    state : object, default=None
        Where this is another object than before, the value is made again.

    Returns
    -------
    value : object
        The same one each time, not to be changed.
    """
    known = _MADE.setdefault(owner, {})
    # Kept here, too: another thread may put in what it makes for another state meanwhile.
    made = known.get(name)
    if made is None or made[0] is not state:
        made = known[name] = state, make()
    return made[1]
