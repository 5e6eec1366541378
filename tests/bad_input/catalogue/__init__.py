"""Bad input as data: what is called, with what, and what comes of it."""

from catalogue.case import ALLOWED, KINDS, Case, Outcome, Outcomes
from catalogue.coverage import EXEMPT, MODULES, public_names
from catalogue.everything import all_cases

__all__ = [
    "ALLOWED",
    "EXEMPT",
    "KINDS",
    "MODULES",
    "Case",
    "Outcome",
    "Outcomes",
    "all_cases",
    "public_names",
]
