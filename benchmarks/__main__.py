"""Run a benchmark: ``python benchmarks NAME [options]``; without a name, they are listed."""

import ast
import runpy
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def benchmarks() -> dict[str, str]:
    """First line of what each script says of itself, by name; of those that are run."""
    found = {}
    for path in sorted(FOLDER.glob("[a-z]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        if "main" in functions:
            found[path.stem] = (ast.get_docstring(tree) or "").splitlines()[0]
    return found


def main() -> None:
    """Run the benchmark that is named."""
    known = benchmarks()
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        width = max(map(len, known))
        print("python benchmarks NAME [options]; NAME --help tells the options.\n")
        print("\n".join(f"{name:{width}}  {line}" for name, line in known.items()))
        return
    name = sys.argv[1]
    if name not in known:
        sys.exit(f"There is no benchmark {name!r}. python benchmarks lists them.")
    sys.argv = [str(FOLDER / f"{name}.py"), *sys.argv[2:]]
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
