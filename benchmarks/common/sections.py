"""Sections of a file of results that a command can replace."""

from pathlib import Path


def replace_section(path: Path, name: str, heading: str, text: str) -> None:
    """Write a section between its marks, in place of the one that bears the same name.

    Parameters
    ----------
    path : Path
        Markdown file; made if it does not exist.
    name : str
        Name in the marks, which are HTML comments.
    heading, text : str
        Content.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    section = f"{begin}\n## {heading}\n\n{text}\n{end}\n"
    old = path.read_text() if path.exists() else "# Results\n\n"
    if begin in old and end in old:
        before, rest = old.split(begin, 1)
        after = rest.split(end, 1)[1].lstrip("\n")
        new = before + section + (f"\n{after}" if after else "")
    else:
        new = old.rstrip("\n") + "\n\n" + section
    path.write_text(new)
