"""Print and refuse modules of the package that are too long, or import each other in a circle."""

import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp

_MOST_LINES = 400


def main() -> int:
    """Return 1 if there are any, else 0."""
    problems = []
    for path in sorted(Path("sklearn_mnm").rglob("*.py")):
        n_lines = len(path.read_text(encoding="utf-8").splitlines())
        if n_lines > _MOST_LINES:
            problems.append(f"{path} has {n_lines} lines, more than {_MOST_LINES}.")
    graph = grimp.build_graph("sklearn_mnm", cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        problems.append(f"These import each other: {' <- '.join(error.args[1])}.")
    print("\n".join(problems) or "No module is too long, and none import each other.")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
