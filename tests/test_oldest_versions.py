"""What pyproject.toml allows at least is what make test-old installs."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
# Older builds are not tested: see the comment in the file.
NEWER = {"torch"}


def lowest_versions(project, requirements):
    """Lowest versions of packages by name, also of the extras that are named among them."""
    lowest = {}
    for requirement in map(Requirement, requirements):
        for extra in requirement.extras if requirement.name == project["name"] else ():
            lowest |= lowest_versions(project, project["optional-dependencies"][extra])
        for specifier in requirement.specifier:
            if specifier.operator == ">=":
                lowest[requirement.name] = Version(specifier.version)
    return lowest


def test_the_oldest_versions_that_are_allowed_are_those_that_are_tested():
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tests = project["optional-dependencies"]["test"]
    allowed = lowest_versions(project, [*project["dependencies"], *tests])
    assert {"numpy", "scikit-learn", "torch", "nimare", "sentence-transformers"} <= set(allowed)
    lines = (ROOT / ".ci" / "oldest.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    tested = {name: Version(pins.get(name, "0")) for name in allowed}
    differing = {
        name: f"{lowest} is allowed, {tested[name]} tested"
        for name, lowest in allowed.items()
        if tested[name] != lowest and name not in NEWER
    }
    assert differing == {}
    assert all(tested[name] > allowed[name] for name in NEWER)
