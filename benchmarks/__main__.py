"""Run a benchmark: ``python -m benchmarks NAME [options]``; without a name, they are listed."""

import ast
import importlib
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
# In the order in which they are listed.
ROOMS = {
    "quality": "How good the answers are",
    "speed": "Time and memory",
    "robustness": "What may go wrong",
    "making": "Making what the package embeds",
}


def benchmarks(room: str) -> dict[str, str]:
    """First line of what each module of a room says of itself, by name; of those that are run."""
    found = {}
    for path in sorted((FOLDER / room).glob("[a-z]*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        if "main" in functions:
            found[path.stem] = (ast.get_docstring(tree) or "").splitlines()[0].split(": ``")[0]
    return found


def main() -> None:
    """Run the benchmark that is named."""
    known = {room: benchmarks(room) for room in ROOMS}
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        width = max(len(name) for found in known.values() for name in found)
        print(
            "python -m benchmarks NAME [options], in the root of the repository; --help tells them."
        )
        for room, title in ROOMS.items():
            print(f"\n{title}:")
            print("\n".join(f"  {name:{width}}  {line}" for name, line in known[room].items()))
        return
    name = sys.argv[1]
    room = next((room for room, found in known.items() if name in found), None)
    if room is None:
        sys.exit(f"There is no benchmark {name!r}. python -m benchmarks lists them.")
    # What argparse calls the program.
    sys.argv = [f"python -m benchmarks {name}", *sys.argv[2:]]
    try:
        module = importlib.import_module(f"benchmarks.{room}.{name}")
    except ModuleNotFoundError as error:
        sys.exit(f"{name} needs {error.name}, which is not installed; the file's head says how.")
    module.main()


if __name__ == "__main__":
    main()
