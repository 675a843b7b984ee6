"""Templates parsed into trees (text/template/parse/parse.go of Go)."""

from __future__ import annotations

import re
from collections.abc import Collection
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

from alertlab.go_text import quote, unquote
from alertlab.templates import nodes
from alertlab.templates.lexing import KEYWORDS, Token, tokens
from alertlab.templates.values import TemplateError

_OPERANDS = frozenset(
    {
        "bool", "char", "dot", "field", "nil", "number", "open", "raw", "string", "variable",
        "word",
    }
)  # fmt: skip
_INTEGER = re.compile(r"[-+]?(?:0[xX]_?[0-9a-fA-F]|0[oO]?_?[0-7]|0[bB]_?[01]|[0-9])\w*")
_FLOAT = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")
_HEX_FLOAT = re.compile(r"[-+]?0[xX][0-9a-fA-F]*\.?[0-9a-fA-F]*[pP][-+]?\d+")
_LONGEST_SHOWN = 10
_INT64 = range(-(2**63), 2**63)


@dataclass
class Template:
    """A parsed template: its text, its body, and the bodies that it defines by name."""

    name: str
    text: str
    body: nodes.Block
    defined: dict[str, nodes.Block] = field(default_factory=dict)

    def place(self, at: int) -> str:
        """Return name, line and byte of a place in the text, as Go's messages name it."""
        before = self.text[:at]
        line_start = before.rfind("\n") + 1
        return (
            f"{self.name}:{before.count(chr(10)) + 1}:"
            f"{len(before[line_start:].encode('utf-8', 'surrogateescape'))}"
        )


def parse(text: str, name: str, functions: Collection[str]) -> Template:
    """Parse a template whose functions are known by name; TemplateError says what is wrong."""
    return _Parser(text, name, functions).run()


class _Parser:
    def __init__(self, text: str, name: str, functions: Collection[str]) -> None:
        self.text, self.name, self.functions = text, name, functions
        self.tokens: list[Token] = []
        self.next_at = 0
        self.variables = ["$"]
        self.range_depth = 0
        self.defined: dict[str, nodes.Block] = {}

    def run(self) -> Template:
        try:
            for token in tokens(self.text):
                self.tokens.append(token)
        except TemplateError as error:
            self.next_at = len(self.tokens)
            self.fail(str(error))
        body = nodes.Block(0)
        while self.peek().kind != "eof":
            if self.peek().kind == "left" and self.after_space(self.next_at + 1).kind == "define":
                self.definition()
                continue
            node = self.text_or_action()
            if isinstance(node, _Closing):
                self.fail(f"unexpected {node}")
            body.nodes.append(node)
        return Template(self.name, self.text, body, self.defined)

    # Tokens

    def peek(self) -> Token:
        return self.tokens[self.next_at]

    def next(self) -> Token:
        token = self.tokens[self.next_at]
        self.next_at += token.kind != "eof"
        return token

    def after_space(self, index: int) -> Token:
        while self.tokens[index].kind == "space":
            index += 1
        return self.tokens[index]

    def skip_space(self) -> Token:
        """Go past spaces and return the token behind them, without taking it."""
        while self.peek().kind == "space":
            self.next_at += 1
        return self.peek()

    def take(self) -> Token:
        self.skip_space()
        return self.next()

    def expect(self, kinds: tuple[str, ...], context: str) -> Token:
        token = self.take()
        if token.kind not in kinds:
            self.unexpected(token, context)
        return token

    def fail(self, message: str) -> NoReturn:
        at = self.tokens[max(self.next_at - 1, 0)].at if self.tokens else 0
        line = self.text.count("\n", 0, at) + 1
        raise TemplateError(f"template: {self.name}:{line}: {message}")

    def unexpected(self, token: Token, context: str) -> NoReturn:
        shown = quote(token.text)
        if token.kind == "eof":
            shown = "EOF"
        elif token.kind in KEYWORDS or token.kind == "dot":
            shown = f"<{token.text}>"
        elif len(token.text) > _LONGEST_SHOWN:
            shown = quote(token.text[:_LONGEST_SHOWN]) + "..."
        self.fail(f"unexpected {shown} in {context}")

    @contextmanager
    def own_variables(self) -> Any:
        """Forget at the end what was declared within; a definition sees nothing from outside."""
        before = list(self.variables)
        yield
        self.variables = before

    # Structure

    def definition(self) -> None:
        self.take()
        self.take()
        name = self.string_value(self.expect(("string", "raw"), "define clause"))
        self.expect(("right",), "define clause")
        self.define(name, self.own_body("define clause"))

    def own_body(self, context: str) -> nodes.Block:
        """Parse the body of a definition, up to its end."""
        with self.own_variables():
            self.variables, depth, self.range_depth = ["$"], self.range_depth, 0
            body, closing = self.block()
            self.range_depth = depth
        if closing.keyword != "end":
            self.fail(f"unexpected {closing} in {context}")
        return body

    def define(self, name: str, body: nodes.Block) -> None:
        if _is_empty(self.defined.get(name)):
            self.defined[name] = body
        elif not _is_empty(body):
            self.fail(f'template: multiple definition of template "{name}"')

    def block(self) -> tuple[nodes.Block, _Closing]:
        body = nodes.Block(self.skip_space().at)
        while self.skip_space().kind != "eof":
            node = self.text_or_action()
            if isinstance(node, _Closing):
                return body, node
            body.nodes.append(node)
        self.fail("unexpected EOF")

    def text_or_action(self) -> Any:
        token = self.take()
        if token.kind == "text":
            return nodes.Text(token.at, token.text)
        if token.kind != "left":
            self.unexpected(token, "input")
        return self.action()

    def action(self) -> Any:
        token = self.skip_space()
        match token.kind:
            case "if" | "with" | "range":
                self.take()
                return self.branch(token.kind, token.at)
            case "else":
                self.take()
                if self.skip_space().kind not in ("if", "with"):
                    self.expect(("right",), "else")
                return _Closing(token.at, "else")
            case "end":
                self.take()
                self.expect(("right",), "end")
                return _Closing(token.at, "end")
            case "break" | "continue":
                self.take()
                self.expect(("right",), "{{" + token.kind + "}}")
                if self.range_depth == 0:
                    self.fail("{{" + token.kind + "}} outside {{range}}")
                return nodes.Jump(token.at, token.kind)
            case "template":
                self.take()
                return self.include("template clause")
            case "block":
                self.take()
                return self.include("block clause")
        return nodes.Action(token.at, self.pipeline("command", "right"))

    def branch(self, keyword: str, at: int) -> nodes.Branch:
        with self.own_variables():
            pipe = self.pipeline(keyword, "right")
            self.range_depth += keyword == "range"
            body, closing = self.block()
            self.range_depth -= keyword == "range"
            otherwise = self.otherwise(keyword, closing) if closing.keyword == "else" else None
        return nodes.Branch(pipe.at, keyword, pipe, body, otherwise)

    def otherwise(self, keyword: str, closing: _Closing) -> nodes.Block:
        following = self.peek()
        if keyword in ("if", "with") and following.kind == keyword:
            self.next()
            return nodes.Block(closing.at, [self.branch(keyword, following.at)])
        body, end = self.block()
        if end.keyword != "end":
            self.fail(f"expected end; found {end}")
        return body

    def include(self, context: str) -> nodes.Include:
        token = self.expect(("string", "raw"), context)
        name = self.string_value(token)
        pipe = None
        if context == "block clause" or self.skip_space().kind != "right":
            pipe = self.pipeline(context, "right")
        else:
            self.take()
        if context == "block clause":
            self.define(name, self.own_body(context))
        return nodes.Include(token.at, name, quote(name), pipe)

    # Pipelines

    def pipeline(self, context: str, end: str) -> nodes.Pipe:
        pipe = nodes.Pipe(self.skip_space().at)
        self.declarations(pipe, context)
        while True:
            token = self.skip_space()
            if token.kind == end:
                self.next()
                break
            if token.kind not in _OPERANDS:
                self.next()
                self.unexpected(token, context)
            pipe.commands.append(self.command())
        if not pipe.commands:
            self.fail(f"missing value for {context}")
        for number, command in enumerate(pipe.commands[1:], start=2):
            constant = nodes.Bool | nodes.Dot | nodes.Nil | nodes.Number | nodes.String
            if isinstance(command.arguments[0], constant):
                self.fail(f"non executable command in pipeline stage {number}")
        return pipe

    def declarations(self, pipe: nodes.Pipe, context: str) -> None:
        """Read ``$x :=``, ``$x =`` or, in range, ``$i, $x :=``."""
        while self.skip_space().kind == "variable":
            following = self.after_space(self.next_at + 1)
            is_list = following.kind == "other" and following.text == ","
            if following.kind not in ("assign", "declare") and not is_list:
                return
            token = self.take()
            self.take()
            pipe.is_assignment = following.kind == "assign"
            pipe.variables.append(nodes.Variable(token.at, token.text.split(".")))
            self.variables.append(token.text)
            if not is_list:
                return
            if context != "range" or len(pipe.variables) > 1:
                self.fail(f"too many declarations in {context}")
            if self.skip_space().kind not in ("variable", "right", "close"):
                self.fail("range can only initialize variables")

    def command(self) -> nodes.Command:
        command = nodes.Command(self.skip_space().at)
        while True:
            self.skip_space()
            operand = self.operand()
            if operand is not None:
                command.arguments.append(operand)
            token = self.next()
            if token.kind == "space":
                continue
            if token.kind in ("right", "close"):
                self.next_at -= 1
            elif token.kind != "pipe":
                self.unexpected(token, "operand")
            break
        if not command.arguments:
            self.fail("empty command")
        return command

    def operand(self) -> nodes.Node | None:
        node = self.term()
        if node is None or self.peek().kind != "field":
            return node
        at, path = self.peek().at, []
        while self.peek().kind == "field":
            path.append(self.next().text[1:])
        if isinstance(node, nodes.Field | nodes.Variable):
            return type(node)(at, node.path + path)
        if isinstance(node, nodes.Bool | nodes.String | nodes.Number | nodes.Nil | nodes.Dot):
            self.fail(f"unexpected . after term {quote(str(node))}")
        return nodes.Chain(at, node, path)

    def term(self) -> nodes.Node | None:
        token = self.skip_space()
        if token.kind not in _OPERANDS:
            return None
        self.next()
        at, text = token.at, token.text
        match token.kind:
            case "word":
                if text not in self.functions:
                    self.fail(f'function "{text}" not defined')
                return nodes.Identifier(at, text)
            case "dot":
                return nodes.Dot(at)
            case "nil":
                return nodes.Nil(at)
            case "variable":
                if text not in self.variables:
                    self.fail(f'undefined variable "{text}"')
                return nodes.Variable(at, [text])
            case "field":
                return nodes.Field(at, [text[1:]])
            case "bool":
                return nodes.Bool(at, text == "true")
            case "open":
                return self.pipeline("parenthesized pipeline", "close")
            case "string" | "raw":
                return nodes.String(at, text, self.string_value(token))
        return self.number(token)

    def string_value(self, token: Token) -> str:
        try:
            return unquote(token.text)
        except ValueError as error:
            self.fail(str(error))

    def number(self, token: Token) -> nodes.Number:
        at, text = token.at, token.text
        if token.kind == "char":
            rune = self.string_value(token)
            if len(rune) != 1:
                self.fail(f"malformed character constant: {text}")
            return nodes.Number(at, text, ord(rune), float(ord(rune)))
        integer, number = _integer(text), _float(text)
        if integer is None and number is None:
            self.fail(f'illegal number syntax: "{text}"')
        is_whole = not set(text) & set(".eEpP")
        if (integer is None and is_whole) or (integer is not None and integer not in _INT64):
            self.fail(f'integer overflow: "{text}"')
        if integer is None and number == int(number) and int(number) in _INT64:
            integer = int(number)
        return nodes.Number(at, text, integer, float(integer) if number is None else number)


@dataclass
class _Closing(nodes.Node):
    """``end`` or ``else``, which end a block."""

    keyword: str

    def __str__(self) -> str:
        return "{{" + self.keyword + "}}"


def _is_empty(node: nodes.Node | None) -> bool:
    """Tell whether a body holds nothing but space."""
    if isinstance(node, nodes.Block):
        return all(map(_is_empty, node.nodes))
    return node is None or (isinstance(node, nodes.Text) and not node.text.strip())


def _integer(text: str) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    if digits[:1] == "0" and digits[1:2] in ("", *"01234567_"):
        digits = "0o0" + digits[1:]  # 010 is octal
    try:
        return int(sign + digits, 0)
    except ValueError:
        return None


def _float(text: str) -> float | None:
    if _HEX_FLOAT.fullmatch(text):
        return float.fromhex(text)
    return float(text) if _FLOAT.fullmatch(text) and "inf" not in str(float(text)) else None
