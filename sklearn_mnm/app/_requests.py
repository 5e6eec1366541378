"""Read what requests ask for."""

import re

from starlette.requests import Request

from sklearn_mnm.app._answers import read_place
from sklearn_mnm.app._questions import N_SHOWN
from sklearn_mnm.exceptions import InvalidInputError

# Some pages of text; an abstract has 2,000 characters.
_LONGEST_TEXT = 5_000
# Control characters, which would steer a terminal that shows the answer.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# Terms and studies that programs get.
_MAX_COUNT = 100


def asked_text(request: Request, name: str) -> str:
    """Read a text from the address; white space, and what cannot be seen, is between words."""
    text = " ".join(_CONTROL.sub(" ", request.query_params.get(name, "")).split())
    if not text:
        raise InvalidInputError("There is no text. Type at least one word.")
    if len(text) > _LONGEST_TEXT:
        raise InvalidInputError(
            f"The text has {len(text):,} characters, and at most {_LONGEST_TEXT:,} are taken, "
            "which is enough for an abstract."
        )
    return text


def asked_place(request: Request) -> tuple[float, float, float]:
    """Read the place that an address must tell, in mm."""
    place = read_place(request.query_params)
    if place is None:
        raise InvalidInputError("There is no place. Give x, y and z, in mm, MNI152.")
    return place


def asked_count(request: Request) -> int:
    """Read how many terms and studies are asked for."""
    return whole_number("k", request.query_params.get("k", str(N_SHOWN)), 1, _MAX_COUNT)


def whole_number(name: str, given: str, least: int, most: int) -> int:
    """Read a parameter of an address that is a whole number."""
    if not given.isascii() or not given.isdecimal() or not least <= int(given[:9]) <= most:
        raise InvalidInputError(
            f"{name}={given[:20]!r} must be a whole number from {least} to {most:,}."
        )
    return int(given)
