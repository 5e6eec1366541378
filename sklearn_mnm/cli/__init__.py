"""The command ``mnm``."""

import gc
import sys

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import MissingDependencyError


def main() -> None:
    """Run the command ``mnm`` with the arguments of this process."""
    # Imports make objects by the hundred thousand, none of them garbage; looking for it at each 700
    # takes a tenth of the time of a short command.
    gc.set_threshold(100_000)
    try:
        for module in ("typer", "rich"):
            import_optional(module, extra="cli", purpose="The command mnm")
    except MissingDependencyError as error:
        sys.exit(f"error: {error}")
    from sklearn_mnm.cli._app import app
    from sklearn_mnm.cli._output import use_any_encoding

    use_any_encoding()
    app()
