"""Values made once for an object are gone with it."""

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

from sklearn_mnm._tools.made_once import made_once
from tests.tools.slow import slow_to_keep


class Owner:
    """An object that values are made for."""


class Value:
    """Something that is made."""


def test_a_value_is_made_once_for_each_owner_and_name():
    first, second = Owner(), Owner()
    value = made_once(first, "a", Value)
    assert made_once(first, "a", Value) is value
    assert made_once(first, "b", Value) is not value
    assert made_once(second, "a", Value) is not value


def test_another_state_makes_it_again():
    owner, before, after = Owner(), object(), object()
    value = made_once(owner, "a", Value, before)
    assert made_once(owner, "a", Value, before) is value
    again = made_once(owner, "a", Value, after)
    assert again is not value
    assert made_once(owner, "a", Value, after) is again


def test_threads_get_what_was_made_for_their_state(monkeypatch):
    slow_to_keep(monkeypatch)
    owner, states = Owner(), [object(), object()]
    with ThreadPoolExecutor(4) as threads:
        asked = states * 20
        found = threads.map(lambda state: made_once(owner, "a", lambda: state, state), asked)
        assert list(found) == asked


def test_what_is_made_goes_with_its_owner():
    owner = Owner()
    value = weakref.ref(made_once(owner, "a", Value))
    del owner
    gc.collect()
    assert value() is None
