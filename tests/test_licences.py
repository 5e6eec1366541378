"""What the package installs may be used and passed on as freely as the package itself."""

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = re.compile(
    r"\b(MIT|BSD|0BSD|Apache|PSF|Python Software Foundation|ISC|MPL|Mozilla|Zlib|HPND|BSL-1.0)\b"
)
COPYLEFT = re.compile(r"\b(A|L)?GPL|GNU|CC-BY-(NC|SA)\b")
# What an extra cannot do without; docs/install.rst names them.
KNOWN = {
    "fuzzywuzzy": "GPLv2, needed by NiMARE",
    "neurostore-sdk": "says nothing in its metadata, needed by NiMARE",
}
EXTRAS = ("app", "cli", "clusters", "faiss", "hub", "large", "nimare", "plot", "report", "text")


def installed(extras):
    """Return the metadata of what the package and these extras need, as far as it is installed."""
    todo = [("sklearn-mnm", extra) for extra in ("", *extras)]
    seen, found = set(), {}
    while todo:
        name, extra = todo.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            found[name] = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform, or an extra that the tests do without
        for need in map(Requirement, metadata.requires(name) or []):
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(need.name), part) for part in ("", *need.extras)]
    return found


def licence(about):
    classifiers = [line for line in about.get_all("Classifier") or [] if "License" in line]
    return " ".join(
        [about.get("License-Expression") or "", *classifiers, (about.get("License") or "")[:300]]
    )


@pytest.mark.parametrize(("extras", "known"), [((), {}), (EXTRAS, KNOWN)])
def test_all_licences_are_permissive_but_those_known(extras, known):
    found = {name: licence(about) for name, about in installed(extras).items()}
    assert {"torch", "scikit-learn", "nilearn", "safetensors"} <= set(found)
    others = {
        name: text
        for name, text in found.items()
        if COPYLEFT.search(text) or not PERMISSIVE.search(text)
    }
    assert set(others) == set(known) & set(found), others
