"""Templates executed on an alert's data (text/template/exec.go of Go).

Errors are worded as Go words them, since Prometheus writes them into the label or annotation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from alertlab.errors import UnsupportedTemplate
from alertlab.go_text import quote
from alertlab.templates import nodes
from alertlab.templates.clock import find_method
from alertlab.templates.formatting import printed
from alertlab.templates.parsing import Template
from alertlab.templates.values import (
    AnyMap,
    QueryResult,
    StringMap,
    Struct,
    TemplateError,
    go_type,
    is_true,
)

MISSING = object()
"""No final argument: nothing came through the pipeline."""

_NILLABLE = ("any", "template.queryResult", "*template.sample")


@dataclass(frozen=True)
class Function:
    """A function that templates may call.

    ``parameters`` are Go type names, ``any`` for all; the last one repeats if ``variadic``.
    """

    call: Callable[..., Any]
    parameters: tuple[str, ...]
    variadic: bool = False


class _Break(Exception):
    """``{{break}}`` within a range."""


class _Continue(Exception):
    """``{{continue}}`` within a range."""


def execute(template: Template, data: Any, functions: Mapping[str, Function]) -> str:
    """Return what a template prints for ``data``; raises TemplateError as Go would."""
    try:
        return _Execution(template, template.name, data, functions).run(template.body)
    except RecursionError:
        raise UnsupportedTemplate(
            f"the template {template.name} includes itself more often than is done here"
        ) from None


class _Execution:
    """One template, or one that it includes, with its variables."""

    def __init__(
        self, template: Template, name: str, data: Any, functions: Mapping[str, Function]
    ) -> None:
        self.template, self.name, self.functions = template, name, functions
        self.data = data
        self.variables: list[tuple[str, Any]] = [("$", data)]
        self.written: list[str] = []
        self.node: nodes.Node = template.body

    def run(self, body: nodes.Block) -> str:
        self.walk(self.data, body)
        return "".join(self.written)

    def fail(self, message: str, node: nodes.Node | None = None) -> NoReturn:
        node = node or self.node
        raise TemplateError(
            f"template: {self.template.place(node.at)}: executing {quote(self.name)} "
            f"at <{node}>: {message}"
        )

    # Structure

    def walk(self, dot: Any, node: nodes.Node) -> None:
        self.node = node
        match node:
            case nodes.Text():
                self.written.append(node.text)
            case nodes.Action():
                value = self.pipeline(dot, node.pipe)
                if not node.pipe.variables:
                    self.node = node
                    self.written.append(printed(value))
            case nodes.Block():
                for one in node.nodes:
                    self.walk(dot, one)
            case nodes.Branch():
                before = len(self.variables)
                self.range(dot, node) if node.keyword == "range" else self.branch(dot, node)
                del self.variables[before:]
            case nodes.Include():
                self.include(dot, node)
            case nodes.Jump():
                raise _Break if node.keyword == "break" else _Continue

    def branch(self, dot: Any, node: nodes.Branch) -> None:
        value = self.pipeline(dot, node.pipe)
        if is_true(value):
            self.walk(value if node.keyword == "with" else dot, node.body)
        elif node.otherwise is not None:
            self.walk(dot, node.otherwise)

    def range(self, dot: Any, node: nodes.Branch) -> None:
        value = self.pipeline(dot, node.pipe)
        names = [one.path[0] for one in node.pipe.variables]
        items = list(self.items(value, names))
        before = len(self.variables)
        try:
            for index, element in items:
                self.set_loop_variables(names, index, element, before, node.pipe.is_assignment)
                with suppress(_Continue):
                    self.walk(element, node.body)
                del self.variables[before:]
        except _Break:
            return
        if not items and node.otherwise is not None:
            self.walk(dot, node.otherwise)

    def items(self, value: Any, names: Sequence[str]) -> Iterable[tuple[Any, Any]]:
        match value:
            case None:
                return ()
            case QueryResult():
                return enumerate(value)
            case StringMap() | AnyMap():
                return sorted(value.items())
            case int() if not isinstance(value, bool):
                if len(names) > 1:
                    self.fail(f"can't use {printed(value)} to iterate over more than one variable")
                return ((None, type(value)(number)) for number in range(value))
        self.fail(f"range can't iterate over {printed(value)}")

    def set_loop_variables(
        self, names: Sequence[str], index: Any, element: Any, top: int, is_assignment: bool
    ) -> None:
        """Give the loop's variables, which the pipeline has declared, this round's values."""
        for name, value in zip(names[::-1], (element, index), strict=False):
            if is_assignment:
                self.assign(name, value)
            else:
                top -= 1
                self.variables[top] = (name, value)

    def include(self, dot: Any, node: nodes.Include) -> None:
        body = self.template.defined.get(node.name)
        if body is None:
            self.fail(f"template {quote(node.name)} not defined")
        data = None if node.pipe is None else self.pipeline(dot, node.pipe)
        self.written.append(_Execution(self.template, node.name, data, self.functions).run(body))

    # Values

    def pipeline(self, dot: Any, pipe: nodes.Pipe) -> Any:
        self.node = pipe
        value: Any = MISSING
        for command in pipe.commands:
            value = self.command(dot, command, value)
        for variable in pipe.variables:
            if pipe.is_assignment:
                self.assign(variable.path[0], value)
            else:
                self.variables.append((variable.path[0], value))
        return value

    def assign(self, name: str, value: Any) -> None:
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        self.fail(f"undefined variable: {name}")

    def variable(self, name: str) -> Any:
        for known, value in reversed(self.variables):
            if known == name:
                return value
        self.fail(f"undefined variable: {name}")

    def command(self, dot: Any, command: nodes.Command, final: Any) -> Any:
        first, arguments = command.arguments[0], command.arguments[1:]
        if isinstance(first, nodes.Identifier):
            self.node = first
            return self.invoke(
                dot, command, first.name, self.functions[first.name], arguments, final
            )
        if _has_path(first):
            return self.fields(dot, first, arguments, final)
        if not isinstance(first, nodes.Pipe):
            self.node = first
        if isinstance(first, nodes.Variable):
            self.variable(first.path[0])
        if arguments or final is not MISSING:
            self.fail(f"can't give argument to non-function {first}")
        return self.plain(dot, first)

    def plain(self, dot: Any, node: nodes.Node) -> Any:
        """Return the value of a node that stands without arguments."""
        if isinstance(node, nodes.Pipe):
            return self.pipeline(dot, node)
        if _has_path(node):
            return self.fields(dot, node, (), MISSING)
        self.node = node
        match node:
            case nodes.Identifier():
                return self.invoke(dot, node, node.name, self.functions[node.name], (), MISSING)
            case nodes.Variable():
                return self.variable(node.path[0])
            case nodes.Dot():
                return dot
            case nodes.Bool() | nodes.String():
                return node.value
            case nodes.Number():
                return _constant(node)
        self.fail("nil is not a command")

    def fields(
        self,
        dot: Any,
        node: nodes.Field | nodes.Chain | nodes.Variable,
        arguments: Sequence[nodes.Node],
        final: Any,
    ) -> Any:
        """Walk along ``.X.Y``; only the last name may be a method with arguments."""
        self.node = node
        path = node.path
        if isinstance(node, nodes.Field):
            receiver = dot
        elif isinstance(node, nodes.Variable):
            receiver, path = self.variable(path[0]), path[1:]
        elif isinstance(node.node, nodes.Nil):
            self.fail(f"indirection through explicit nil in {node}")
        else:
            receiver = self.plain(dot, node.node)
        for name in path[:-1]:
            receiver = self.field(dot, node, name, (), MISSING, receiver)
        return self.field(dot, node, path[-1], arguments, final, receiver)

    def field(
        self,
        dot: Any,
        node: nodes.Node,
        name: str,
        arguments: Sequence[nodes.Node],
        final: Any,
        receiver: Any,
    ) -> Any:
        if receiver is None:
            return None
        try:
            method = find_method(receiver, name)
        except TemplateError as error:
            self.fail(str(error))
        if method is not None:
            parameters, call = method
            bound = Function(lambda *values: call(receiver, *values), parameters)
            return self.invoke(dot, node, name, bound, arguments, final)
        has_arguments = bool(arguments) or final is not MISSING
        if isinstance(receiver, Struct) and name in receiver.fields:
            if has_arguments:
                self.fail(f"{name} has arguments but cannot be invoked as function")
            return receiver.fields[name]
        if isinstance(receiver, StringMap | AnyMap):
            if has_arguments:
                self.fail(f"{name} is not a method but has arguments")
            return receiver.get(name, receiver.zero)
        self.fail(f"can't evaluate field {name} in type {go_type(receiver)}")

    # Calls

    def invoke(
        self,
        dot: Any,
        node: nodes.Node,
        name: str,
        function: Function,
        arguments: Sequence[nodes.Node],
        final: Any,
    ) -> Any:
        count = len(arguments) + (final is not MISSING)
        fixed = len(function.parameters) - function.variadic
        if function.variadic and count < fixed:
            self.fail(
                f"wrong number of args for {name}: want at least {fixed} got {len(arguments)}"
            )
        if not function.variadic and count != fixed:
            self.fail(f"wrong number of args for {name}: want {fixed} got {count}")
        if name in ("and", "or"):
            return self.short_circuit(dot, name, arguments, final)
        types = [function.parameters[min(i, len(function.parameters) - 1)] for i in range(count)]
        values = [self.argument(dot, go, one) for go, one in zip(types, arguments, strict=False)]
        if final is not MISSING:
            values.append(self.checked(final, types[-1]))
        try:
            return function.call(*values)
        except TemplateError as error:
            self.fail(f"error calling {name}: {error}", node)

    def short_circuit(
        self, dot: Any, name: str, arguments: Sequence[nodes.Node], final: Any
    ) -> Any:
        value: Any = None
        for one in arguments:
            value = self.argument(dot, "any", one)
            if is_true(value) == (name == "or"):
                return value
        return value if final is MISSING else final

    def argument(self, dot: Any, go: str, node: nodes.Node) -> Any:
        """Return an argument for a parameter of a Go type."""
        self.node = node
        match node:
            case nodes.Nil():
                if go not in _NILLABLE:
                    self.fail(f"cannot assign nil to {go}")
                return None
            case nodes.Bool() | nodes.Number() | nodes.String():
                if go == "any":
                    return self.plain(dot, node)
                if go == "string":
                    if not isinstance(node, nodes.String):
                        self.fail(f"expected string; found {node}")
                    return node.value
                self.fail(f"can't handle {node} for arg of type {go}")
        return self.checked(self.plain(dot, node), go)

    def checked(self, value: Any, go: str) -> Any:
        """Return the value if a parameter of that Go type takes it."""
        if value is None:
            if go not in _NILLABLE:
                self.fail(f"invalid value; expected {go}")
            return None
        if go not in ("any", go_type(value)):
            self.fail(f"wrong type for value; expected {go}; got {go_type(value)}")
        return value


def _has_path(node: nodes.Node) -> bool:
    """Tell whether a node walks along fields."""
    return isinstance(node, nodes.Field | nodes.Chain) or (
        isinstance(node, nodes.Variable) and len(node.path) > 1
    )


def _constant(node: nodes.Number) -> Any:
    """Return a number as the type that its spelling says."""
    is_hexadecimal = node.text[:2].lower() == "0x" and "p" not in node.text.lower()
    is_fraction = not is_hexadecimal and node.text[0] != "'" and set(node.text) & set(".eEpP")
    return node.float if is_fraction or node.integer is None else node.integer
