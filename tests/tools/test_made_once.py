"""Values made once for an object are gone with it."""

import gc
import weakref

from sklearn_mnm._tools.made_once import made_once


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


def test_what_is_made_goes_with_its_owner():
    owner = Owner()
    value = weakref.ref(made_once(owner, "a", Value))
    del owner
    gc.collect()
    assert value() is None
