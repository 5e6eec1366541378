"""All cases, in the order of the manual."""

from functools import cache

from catalogue import (
    anatomy,
    commands,
    databases,
    files,
    large,
    levels,
    maps,
    measures,
    ontologies,
    page,
    points,
    studies,
    texts,
    writing,
)
from catalogue.case import Case

_ROOMS = (
    texts,
    ontologies,
    maps,
    anatomy,
    points,
    measures,
    levels,
    studies,
    files,
    large,
    databases,
    writing,
    commands,
    page,
)


@cache
def all_cases() -> tuple[Case, ...]:
    """Return every case, sorted by what is called."""
    cases = [case for room in _ROOMS for case in room.cases()]
    return tuple(sorted(cases, key=lambda case: case.name))
