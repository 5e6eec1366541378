"""What importing the package costs and offers."""

import ast
import importlib
import importlib.metadata
import json
import pkgutil
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sklearn_mnm
from sklearn_mnm.exceptions import DataWarning

ROOT = Path(sklearn_mnm.__file__).parents[1]
HEAVY = ["nibabel", "nilearn", "nimare", "pandas", "scipy", "sentence_transformers", "sklearn"]
HEAVY += ["torch", "transformers"]
MODULES = [
    module.name for module in pkgutil.walk_packages(sklearn_mnm.__path__, prefix="sklearn_mnm.")
]
IMPORT = """
import json, sys, time
start = time.perf_counter()
import sklearn_mnm
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "modules": sorted(sys.modules)}))
"""


def fresh_import():
    """Import the package in a new interpreter; return the seconds and modules it took."""
    result = subprocess.run(
        [sys.executable, "-c", IMPORT], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return json.loads(result.stdout)


def test_import_is_fast_and_brings_no_heavy_package():
    imports = [fresh_import() for _ in range(3)]
    assert set(imports[0]["modules"]).isdisjoint(HEAVY)
    # The best of three, since other processes may hold one of them up; it takes milliseconds.
    assert min(run["seconds"] for run in imports) < 0.5


def imported():
    """Names of the packages that a module of this one imports, at its head or where it is used."""
    names = set()
    for path in Path(sklearn_mnm.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names


def test_every_package_that_installs_with_this_one_is_imported():
    tomllib = pytest.importorskip("tomllib", reason="needs Python 3.11")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    owners = importlib.metadata.packages_distributions()
    used = {canonicalize_name(owner) for name in imported() for owner in owners.get(name, [])}
    assert needed - used == set()


@pytest.mark.parametrize("name", sklearn_mnm.__all__)
def test_public_names_resolve_and_are_listed(name):
    assert getattr(sklearn_mnm, name) is not None
    assert name in dir(sklearn_mnm)


def test_star_import_gives_the_public_names():
    namespace = {}
    exec("from sklearn_mnm import *", namespace)
    assert set(sklearn_mnm.__all__) <= set(namespace)


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = sklearn_mnm.no_such_name


@pytest.mark.parametrize("module_name", MODULES)
def test_names_that_a_module_lists_exist(module_name):
    module = importlib.import_module(module_name)
    missing = [name for name in getattr(module, "__all__", []) if not hasattr(module, name)]
    assert missing == []


def test_version_is_that_of_the_installed_package():
    try:
        installed = importlib.metadata.version("sklearn-mnm")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("the package is imported from its folder without having been installed")
    assert sklearn_mnm.__version__ == installed, "install again: pip install --editable ."


@pytest.mark.slow
def test_examples_of_the_front_page_run_as_they_stand(tmp_path, monkeypatch):
    pytest.importorskip("nimare", reason="the examples' studies come with NiMARE")
    text = (ROOT / "README.md").read_text("utf-8")
    examples = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert len(examples) == 2
    monkeypatch.chdir(tmp_path)
    for example in examples:
        names = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)  # of peaks in Talairach space
            exec(compile(example, "README.md", "exec"), names)
    assert names["activations"].shape == names["std"].shape
    assert (tmp_path / "my_model" / "model.json").exists()


def test_links_of_the_front_page_lead_somewhere():
    text = (ROOT / "README.md").read_text("utf-8")
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    missing = [target for target in targets if not (ROOT / target).exists()]
    assert missing == []
