"""Mutants of a module: its source with one small change each.

The changes are those of mutmut, made here with its functions: mutmut itself leaves out functions
with decorators, which most of the geometry is.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import libcst as cst
from libcst import matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider
from mutmut.mutation.mutators import mutation_operators

# What says something to a reader or a type checker and does nothing.
_WORDS = m.SimpleString() | m.FormattedString() | m.ConcatenatedString()
_WITHOUT_EFFECT = (
    m.Annotation()
    | m.Decorator()  # mutmut changes none
    | m.Raise()  # the condition before it is changed, the message not
    | m.Assign(targets=[m.AssignTarget(m.Name("__all__"))])
    | m.Assign(value=_WORDS)  # parts of messages
    | m.Assign(value=m.Call(func=m.Name("TypeVar") | m.Name("ParamSpec")))
    | m.FormattedString()
    | m.ConcatenatedString()
)
# Calls of which mutmut changes nothing; of a cast only the value has an effect.
_UNCHANGED_CALLS = m.Call(func=m.Name("len") | m.Name("isinstance"))
_CAST = m.Call(func=m.Name("cast"))


class Mutant(NamedTuple):
    """A changed module.

    Attributes
    ----------
    function : str
        Where the change is; "" at the level of the module.
    lines : range
        Numbers of the lines of the changed statement.
    before, after : str
        The changed lines.
    source : str
    """

    function: str
    lines: range
    before: str
    after: str
    source: str


def mutants(path: Path) -> Iterator[Mutant]:
    """Change a module in all ways, one at a time."""
    source = path.read_text()
    wrapper = MetadataWrapper(cst.parse_module(source))
    finder, code = _Finder(), wrapper.module.code_for_node
    wrapper.visit(finder)
    # Only the code of the changed statement of the module is made anew.
    statements = {statement: code(statement) for statement in wrapper.module.body}
    head, _, tail = source.partition("".join(statements.values()))
    seen = {source}
    for node, changed, statement, function, lines in finder.found:
        codes = statements | {statement: code(statement.deep_replace(node, changed))}
        mutated = f"{head}{''.join(codes.values())}{tail}"
        if mutated not in seen and _compiles(mutated):
            seen.add(mutated)
            yield Mutant(function, lines, *_changed_lines(source, mutated), mutated)


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider, ParentNodeProvider)

    def __init__(self):
        # Nodes, what they become, the statement of the module that they are in, its function and
        # lines.
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, cst.CSTNode, str, range]] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if m.matches(node, _WITHOUT_EFFECT | _UNCHANGED_CALLS):
            return False
        if not m.matches(node, _CAST | m.Module()):
            for kind, operator in mutation_operators:
                if isinstance(node, kind):
                    parents = list(self._parents(node))
                    where = parents[-1], _function(parents), self._lines(parents)
                    self.found += ((node, changed, *where) for changed in operator(node))
        return True

    def _parents(self, node: cst.CSTNode) -> Iterator[cst.CSTNode]:
        while not isinstance(node, cst.Module):
            yield node
            node = self.get_metadata(ParentNodeProvider, node)

    def _lines(self, parents: list[cst.CSTNode]) -> range:
        """Lines of the simple statement, or of the part of a compound one without its body."""
        compound = cst.BaseCompoundStatement | cst.IndentedBlock
        last, *_ = (
            node
            for node, parent in zip(parents, [*parents[1:], None], strict=True)
            if parent is None or isinstance(parent, compound)
        )
        position = self.get_metadata(PositionProvider, last)
        return range(position.start.line, position.end.line + 1)


def _function(parents: list[cst.CSTNode]) -> str:
    named = (node for node in parents if isinstance(node, cst.FunctionDef | cst.ClassDef))
    return ".".join(reversed([node.name.value for node in named]))


def _compiles(source: str) -> bool:
    try:
        compile(source, "mutant", "exec")
    except SyntaxError:
        return False
    return True


def _changed_lines(source: str, mutated: str) -> tuple[str, str]:
    before, after = source.splitlines(), mutated.splitlines()
    for end in (0, -1):
        while before and after and before[end] == after[end]:
            del before[end], after[end]
    was, becomes = (" ".join(line.strip() for line in lines) for lines in (before, after))
    return was, becomes
