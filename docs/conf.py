"""Settings of the manual, built by ``make docs``."""

import os
import re
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util.typing import ExtensionMetadata
from sphinx_gallery.sorting import ExplicitOrder

import sklearn_mnm

# The language model of the examples comes as a package: nothing is looked up on the network.
os.environ["HF_HUB_OFFLINE"] = "1"
# Bars of progress are no output to show.
os.environ["TQDM_DISABLE"] = "1"

project = "sklearn-mnm"
author = "The sklearn-mnm developers"
copyright = f"2026, {author}"
release = version = sklearn_mnm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "matplotlib.sphinxext.plot_directive",
    "myst_parser",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "auto_examples/**.ipynb", "auto_examples/**.py", "figures"]
templates_path = ["_templates"]
html_static_path = ["_static"]
html_css_files = ["manual.css"]

# References that lead nowhere are errors; so are, by sphinx-build -W, all other warnings.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(torch|nibabel|nimare|matplotlib|joblib)\..*")]

# Pages of other packages, by the names of what they document. Sphinx's intersphinx would look up
# their inventories on the network at each build; "make links" checks that these pages exist.
OTHER_MANUALS = {
    "nilearn": "https://nilearn.github.io/stable/modules/generated/{}.html",
    "numpy": "https://numpy.org/doc/stable/reference/generated/{}.html",
    "pandas": "https://pandas.pydata.org/docs/reference/api/{}.html",
    "scipy": "https://docs.scipy.org/doc/scipy/reference/generated/{}.html",
    "sklearn": "https://scikit-learn.org/stable/modules/generated/{}.html",
}

WIDE_PAGES = {"guide/objective", "howto/coming_from"}
NARROW_PAGES = {
    path.relative_to(Path(__file__).parent).with_suffix("").as_posix()
    for folder in ("guide", "howto")
    for path in (Path(__file__).parent / folder).glob("*.rst")
} - WIDE_PAGES

html_theme = "pydata_sphinx_theme"
html_title = "sklearn-mnm"
html_logo = html_favicon = "_static/logo.svg"
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "show_prev_next": True,
    # Not beside examples, whose lines are long, nor beside wide tables.
    "secondary_sidebar_items": {
        page: [] if page == "index" else ["page-toc"]
        for page in ("*", "api/**", "measured/*", *NARROW_PAGES, "index")
    },
    "show_toc_level": 2,
    "header_links_before_dropdown": 9,
    "logo": {"text": "sklearn-mnm", "alt_text": "sklearn-mnm, to the front page"},
    "pygments_light_style": "default",
}
# Pages of the top level have no sections to navigate, and those of tables need the width.
html_sidebars = {"*": [], "measured/*": []}
html_math_renderer = "mathml"

# Prompts and what is printed are not copied.
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_default_options = {"members": True, "inherited-members": True}
toc_object_entries_show_parents = "hide"
autodoc_typehints = "none"  # types are in the docstrings, with shapes
numpydoc_show_class_members = False  # members have entries of their own

# Sites that do not answer at all are told as broken soon.
linkcheck_timeout = 10
linkcheck_retries = 2
linkcheck_workers = 4
# Headings of pages that scripts make are not in their HTML.
linkcheck_anchors_ignore_for_url = [r"https://github\.com/.*"]

plot_basedir = "figures"
plot_include_source = False
plot_html_show_source_link = False
plot_html_show_formats = False
plot_formats = [("png", 150)]

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"demo\.py",
    "subsection_order": ExplicitOrder([f"../examples/{part}" for part in ("ask", "fit", "judge")]),
    "within_subsection_order": ExplicitOrder(
        [f"plot_{name}.py" for name in ("quick_start", "text_to_map", "decode_map", "own_corpus")]
        + ["*"]
    ),
    "first_notebook_cell": (
        "# Once, in a copy of the repository of sklearn-mnm:\n"
        "# %pip install '.[plot,nimare,text]'\n"
        "%matplotlib inline"
    ),
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_memory": False,
    "write_computation_times": False,
    "doc_module": ("sklearn_mnm",),
    "reference_url": {"sklearn_mnm": None},
    "backreferences_dir": "api/generated/backreferences",
    "inspect_global_variables": False,
}


def visit_math(translator, node):
    """Write a formula as MathML, which browsers draw without a script."""
    translator.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def visit_math_block(translator, node):
    """Write a formula on a line of its own."""
    formula = tex2mathml(node.astext()).replace("<math", '<math display="block"', 1)
    translator.body.append(f'<div class="formula">{formula}</div>')
    raise nodes.SkipNode


def skip_member(app, what, name, obj, skip, options):
    """Leave out members of other packages, and setters of metadata routing."""
    function = getattr(obj, "fget", obj)
    module = getattr(function, "__module__", None) or ""
    of_others = callable(function) and not module.startswith("sklearn_mnm")
    of_tuples = type(obj).__name__ == "_tuplegetter"
    return True if of_others or of_tuples or name.endswith("_request") else None


def escape_fitted_sizes(app, what, name, obj, options, lines):
    """Let shapes name fitted attributes: ``n_regions_`` looks like a reference."""
    lines[:] = [re.sub(r"\b(n_\w+)_(?=[ ,)])", r"\1\\_", line) for line in lines]


def short_reference(app, env, node, contnode):
    """Find what a docstring calls by its short name, such as ``MNMEncoder.fit``."""
    if node.get("refdomain") != "py":
        return None
    domain, target = env.get_domain("py"), node["reftarget"].removeprefix("sklearn_mnm.")
    # Public names are documented once, at the shortest path: brain.PeaksToRegions at the top.
    for tail in (target, target.partition(".")[2]):
        names = [
            name
            for name, entry in domain.objects.items()
            if tail and name.endswith(f".{tail}") and not entry.aliased
        ]
        if len(names) == 1:
            return domain.resolve_xref(
                env, node["refdoc"], app.builder, "obj", names[0], node, contnode
            )
    address = OTHER_MANUALS.get(target.partition(".")[0])
    if address is None:
        return None
    return nodes.reference("", "", contnode, refuri=address.format(target), internal=False)


def setup(app) -> ExtensionMetadata:
    """Connect the above."""
    app.add_html_math_renderer("mathml", (visit_math, None), (visit_math_block, None))
    app.connect("autodoc-skip-member", skip_member)
    # Later than numpydoc.
    app.connect("autodoc-process-docstring", escape_fitted_sizes, priority=600)
    app.connect("missing-reference", short_reference)
    return {"parallel_read_safe": True}
