"""The tree of a parsed template; every node writes itself as Go does in its error messages.

Follows text/template/parse/node.go of Go.  ``at`` is a node's place in the text, in characters.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Node:
    """Something in a template."""

    at: int


@dataclass
class Text(Node):
    """What stands outside of the actions."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass
class Dot(Node):
    """The cursor, ``.``."""

    def __str__(self) -> str:
        return "."


@dataclass
class Nil(Node):
    """The untyped nil."""

    def __str__(self) -> str:
        return "nil"


@dataclass
class Bool(Node):
    """``true`` or ``false``."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


@dataclass
class Number(Node):
    """A constant with the readings it has: as an integer, as a float, or both."""

    text: str
    integer: int | None
    float: float | None

    def __str__(self) -> str:
        return self.text


@dataclass
class String(Node):
    """A string constant."""

    literal: str
    value: str

    def __str__(self) -> str:
        return self.literal


@dataclass
class Identifier(Node):
    """A function's name."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass
class Variable(Node):
    """``$x`` and the fields behind it."""

    path: list[str]

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclass
class Field(Node):
    """``.X.Y``: fields of the cursor."""

    path: list[str]

    def __str__(self) -> str:
        return "".join(f".{name}" for name in self.path)


@dataclass
class Chain(Node):
    """Fields of a parenthesised pipeline or of a function's result."""

    node: Node
    path: list[str]

    def __str__(self) -> str:
        base = f"({self.node})" if isinstance(self.node, Pipe) else str(self.node)
        return base + "".join(f".{name}" for name in self.path)


@dataclass
class Command(Node):
    """A function, a field or a constant, with arguments."""

    arguments: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return " ".join(f"({one})" if isinstance(one, Pipe) else str(one) for one in self.arguments)


@dataclass
class Pipe(Node):
    """Commands joined by ``|``, whose result may be declared or assigned to variables."""

    variables: list[Variable] = field(default_factory=list)
    is_assignment: bool = False
    commands: list[Command] = field(default_factory=list)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.variables))
        mark = " = " if self.is_assignment else " := "
        return (names + mark if names else "") + " | ".join(map(str, self.commands))


@dataclass
class Action(Node):
    """A pipeline whose value is printed."""

    pipe: Pipe

    def __str__(self) -> str:
        return "{{" + str(self.pipe) + "}}"


@dataclass
class Block(Node):
    """A run of nodes."""

    nodes: list[Node] = field(default_factory=list)

    def __str__(self) -> str:
        return "".join(map(str, self.nodes))


@dataclass
class Branch(Node):
    """``if``, ``with`` or ``range``."""

    keyword: str
    pipe: Pipe
    body: Block
    otherwise: Block | None

    def __str__(self) -> str:
        otherwise = "" if self.otherwise is None else "{{else}}" + str(self.otherwise)
        return "{{" + f"{self.keyword} {self.pipe}" + "}}" + f"{self.body}{otherwise}" + "{{end}}"


@dataclass
class Jump(Node):
    """``break`` or ``continue``."""

    keyword: str

    def __str__(self) -> str:
        return "{{" + self.keyword + "}}"


@dataclass
class Include(Node):
    """``{{template "name" pipeline}}``."""

    name: str
    literal: str
    pipe: Pipe | None

    def __str__(self) -> str:
        rest = "" if self.pipe is None else f" {self.pipe}"
        return "{{template " + self.literal + rest + "}}"
