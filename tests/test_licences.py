"""What the package installs may be used and passed on as freely as the package itself."""

import re
from importlib import metadata
from pathlib import Path

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
# What torch 2.13.0 from PyPI brings on Linux beside what its build for CPUs does, by the licences
# in the metadata: `pip install --dry-run --report` tells the names.
PROPRIETARY = {
    "nvidia-cublas",
    "nvidia-cuda-cupti",
    "nvidia-cuda-nvrtc",
    "nvidia-cuda-runtime",
    "nvidia-cudnn-cu13",
    "nvidia-cufft",
    "nvidia-cufile",
    "nvidia-curand",
    "nvidia-cusolver",
    "nvidia-cusparse",
    "nvidia-cusparselt-cu13",
    "nvidia-nccl-cu13",
    "nvidia-nvjitlink",
    "nvidia-nvshmem-cu13",
}
# Apache 2.0 or MIT, except for cuda-toolkit: a list of the others, which says nothing.
OF_CUDA = {"cuda-bindings", "cuda-pathfinder", "cuda-toolkit", "nvidia-nvtx", "triton"}
INSTALL = Path(__file__).parents[1] / "docs" / "install.rst"
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


def is_of_cuda(name):
    return name.startswith(("nvidia-", "cuda-", "triton"))


def test_what_torch_brings_for_gpus_is_known():
    """None of it with the build for CPUs; nothing else with the default one of Linux."""
    brought = {name for name in installed(()) if is_of_cuda(name)}
    assert brought <= PROPRIETARY | OF_CUDA, "torch brings others: look at their licences"
    needs = map(Requirement, metadata.requires("torch"))
    named = {canonicalize_name(need.name) for need in needs}
    assert {name for name in named if is_of_cuda(name)} <= PROPRIETARY | OF_CUDA


def test_the_page_on_installing_names_what_is_proprietary():
    words = INSTALL.read_text(encoding="utf-8")
    named = set(re.findall(r"``(nvidia-[a-z0-9-]+)``", words))
    assert named == PROPRIETARY
    assert str(len(PROPRIETARY)) in words
    assert "download.pytorch.org/whl/cpu" in words
    exceptions = words[words.index("licensed permissively") :]
    assert all(name in exceptions for name in KNOWN)


@pytest.mark.parametrize(("extras", "known"), [((), {}), (EXTRAS, KNOWN)])
def test_all_licences_are_permissive_but_those_known(extras, known):
    brought = {name: licence(about) for name, about in installed(extras).items()}
    found = {name: text for name, text in brought.items() if not is_of_cuda(name)}
    assert {"torch", "scikit-learn", "nilearn", "safetensors"} <= set(found)
    others = {
        name: text
        for name, text in found.items()
        if COPYLEFT.search(text) or not PERMISSIVE.search(text)
    }
    assert set(others) == set(known) & set(found), others
