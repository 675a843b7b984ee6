"""Go's fmt: how values print, and printf with its verbs, flags and complaints.

Follows fmt/print.go and fmt/format.go of Go.  Prints of pointers (a query's result as a whole)
hold addresses and are refused by name, as are a few forms that nobody writes in an alert.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from alertlab.errors import UnsupportedTemplate
from alertlab.go_text import quote, quote_rune, to_bytes
from alertlab.templates.clock import duration_text, time_text
from alertlab.templates.values import (
    AnyMap,
    Duration,
    QueryResult,
    Sample,
    StringMap,
    Struct,
    Time,
    go_type,
)

_SHORTEST = -1
_NUMBER_LIMIT = 1_000_000
_FLAGS = re.compile(r"%([#0+\- ]*)")


@dataclass
class Form:
    """The flags, width and precision of one verb (fmt/format.go, fmt)."""

    sharp: bool = False
    zero: bool = False
    plus: bool = False
    minus: bool = False
    space: bool = False
    width: int | None = None
    precision: int | None = None
    named_fields: bool = False
    """``%+v`` of a struct."""

    def padded(self, text: str, *, zeros: bool = True) -> str:
        """Return the text filled up to the width, on the left unless ``-`` is set."""
        missing = (self.width or 0) - len(text)
        if missing <= 0:
            return text
        if self.minus:
            return text + " " * missing
        return ("0" if self.zero and zeros else " ") * missing + text


PLAIN = Form()


def printed(value: Any) -> str:
    """Return what an action prints for a value (text/template, printValue)."""
    if value is None:
        return "<no value>"
    if isinstance(value, Struct):
        return _struct(value, "v", PLAIN)
    return formatted(value, "v", PLAIN)


def sprint(values: Sequence[Any]) -> str:
    """Join values as ``print`` does: a space between two that are no strings."""
    text, before_is_text = "", True
    for value in values:
        is_text = isinstance(value, str)
        space = " " if not is_text and not before_is_text else ""
        text += space + formatted(value, "v", PLAIN)
        before_is_text = is_text
    return text


def sprintln(values: Sequence[Any]) -> str:
    """Join values as ``println`` does: a space between any two, a newline at the end."""
    return " ".join(formatted(value, "v", PLAIN) for value in values) + "\n"


def sprintf(template: str, values: Sequence[Any]) -> str:
    """Fill values into a format (fmt/print.go, doPrintf)."""
    return _Format(template, values).run()


def formatted(value: Any, verb: str, form: Form, depth: int = 0) -> str:
    """Return one value by one verb (fmt/print.go, printArg)."""
    if value is None:
        return form.padded("<nil>") if verb in "Tv" else f"%!{verb}(<nil>)"
    if verb == "T":
        return _string(go_type(value), "s", form)
    if verb == "p" or (isinstance(value, Sample) and depth):
        raise UnsupportedTemplate("printing an address is not done here; print a field of it")
    match value:
        case bool():
            text = form.padded("true" if value else "false") if verb in "tv" else None
        case int():
            text = _integer(int(value), verb, form)
        case float():
            text = _float(value, verb, form)
        case str():
            text = _string(value, verb, form)
        case Time() | Duration():
            text = _moment(value, verb, form)
        case Sample():
            return "&" + _struct(value, verb, form)
        case Struct():
            return _struct(value, verb, form)
        case StringMap() | AnyMap():
            entries = (
                f"{formatted(key, verb, form, depth + 1)}:{formatted(one, verb, form, depth + 1)}"
                for key, one in sorted(value.items())
            )
            return f"map[{' '.join(entries)}]"
        case QueryResult():
            return f"[{' '.join(formatted(one, verb, form, depth + 1) for one in value)}]"
    return _bad_verb(value, verb, form) if text is None else text


def _bad_verb(value: Any, verb: str, form: Form) -> str:
    if isinstance(value, Time | Duration):
        raise UnsupportedTemplate(f"%{verb} of {go_type(value)} is not printed here; use %v")
    return f"%!{verb}({go_type(value)}={formatted(value, 'v', form)})"


def _struct(value: Struct, verb: str, form: Form) -> str:
    names = (f"{name}:" if form.named_fields else "" for name in value.fields)
    fields = (formatted(one, verb, form, 1) for one in value.fields.values())
    return "{" + " ".join(name + text for name, text in zip(names, fields, strict=True)) + "}"


def _moment(value: Time | Duration, verb: str, form: Form) -> str | None:
    if verb not in "vsxXq":
        return None
    text = time_text(value) if isinstance(value, Time) else duration_text(value)
    return _string(text, verb, form)


def _string(text: str, verb: str, form: Form) -> str | None:
    shown = text if form.precision is None else text[: form.precision]
    if verb in "vs":
        return form.padded(shown)
    if verb == "q":
        return form.padded(quote(shown, ascii_only=form.plus, backquoted=form.sharp))
    if verb in "xX":
        return _hexadecimal(to_bytes(text), verb, form)
    return None


def _hexadecimal(raw: bytes, verb: str, form: Form) -> str:
    raw = raw if form.precision is None else raw[: form.precision]
    prefix = "0x" if form.sharp and raw else ""
    text = prefix + raw.hex()
    if form.space:
        text = " ".join(f"{prefix}{byte:02x}" for byte in raw)
    return form.padded(text.upper() if verb == "X" else text)


def _integer(number: int, verb: str, form: Form) -> str | None:
    unsigned = number & 0xFFFF_FFFF_FFFF_FFFF
    if verb in "cqU":
        if verb == "U":
            return _code_point(unsigned, form)
        rune = chr(unsigned) if unsigned <= 0x10FFFF and not 0xD800 <= unsigned < 0xE000 else "�"
        return form.padded(rune if verb == "c" else quote_rune(rune, ascii_only=form.plus))
    if verb not in "vdboOxX":
        return None
    if form.precision == 0 and number == 0:
        return form.padded("", zeros=False)
    digits = format(abs(number), {"b": "b", "o": "o", "O": "o", "x": "x", "X": "X"}.get(verb, "d"))
    sign = "-" if number < 0 else "+" if form.plus else " " if form.space else ""
    wanted = form.precision or 0
    if form.precision is None and form.zero and not form.minus and form.width:
        wanted = form.width - len(sign)
    digits = digits.zfill(wanted)
    prefix = "0o" if verb == "O" else ""
    if form.sharp:
        prefix += {"b": "0b", "o": "" if digits.startswith("0") else "0", "x": "0x", "X": "0X"}.get(
            verb, ""
        )
    return form.padded(sign + prefix + digits, zeros=False)


def _code_point(number: int, form: Form) -> str:
    text = f"U+{number:0{max(4, form.precision or 0)}X}"
    if form.sharp and number <= 0x10FFFF and chr(number).isprintable():
        text += f" '{chr(number)}'"
    return form.padded(text, zeros=False)


def _float(number: float, verb: str, form: Form) -> str | None:
    if verb not in "vbgGxXfFeE":
        return None
    if verb in "bxX" or (form.sharp and verb != "v"):
        raise UnsupportedTemplate(
            f"%{'#' if form.sharp else ''}{verb} of a float is not printed here; use %g or %f"
        )
    precision = form.precision
    if precision is None:
        precision = 6 if verb in "fFeE" else _SHORTEST
    digits = float_digits(abs(number), "g" if verb == "v" else verb, precision)
    negative = number < 0 or (number == 0 and str(number).startswith("-"))
    sign = "-" if negative else " " if form.space and not form.plus else "+"
    if digits in ("Inf", "NaN"):
        shown = sign if digits == "Inf" or form.plus or form.space else ""
        return form.padded(shown + digits, zeros=False)
    if not form.plus and sign == "+":
        return form.padded(digits)
    if form.zero and not form.minus and form.width:
        return sign + digits.zfill(form.width - 1)
    return form.padded(sign + digits)


def float_digits(number: float, verb: str, precision: int) -> str:
    """Return a number that is not negative as Go's FormatFloat does; ``g`` has a shortest form."""
    if number != number:
        return "NaN"
    if number == float("inf"):
        return "Inf"
    if precision != _SHORTEST:
        return f"{number:.{precision}{'f' if verb == 'F' else verb}}"
    digits, exponent = _shortest(number)
    if -4 <= exponent < 6:
        return format(Decimal(repr(number)).normalize(), "f")
    mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
    return f"{mantissa}{'E' if verb == 'G' else 'e'}{exponent:+03d}"


def _shortest(number: float) -> tuple[str, int]:
    """Return the fewest digits that read back equal, and the exponent of the first."""
    _, digits, exponent = Decimal(repr(number)).as_tuple()
    text = "".join(map(str, digits)).lstrip("0") or "0"
    stripped = text.rstrip("0") or "0"
    return stripped, len(text) - 1 + int(exponent)


class _Format:
    """One pass over a format string."""

    def __init__(self, template: str, values: Sequence[Any]) -> None:
        self.template, self.values = template, values
        self.at = 0
        self.next_value = 0
        self.reordered = False
        self.written: list[str] = []

    def run(self) -> str:
        while self.at < len(self.template):
            percent = self.template.find("%", self.at)
            if percent < 0:
                self.written.append(self.template[self.at :])
                break
            self.written.append(self.template[self.at : percent])
            self.at = percent
            self._verb()
        if not self.reordered and self.next_value < len(self.values):
            extra = (
                "<nil>" if one is None else f"{go_type(one)}={formatted(one, 'v', PLAIN)}"
                for one in self.values[self.next_value :]
            )
            self.written.append(f"%!(EXTRA {', '.join(extra)})")
        return "".join(self.written)

    def _verb(self) -> None:
        flags = _FLAGS.match(self.template, self.at)
        self.at = flags.end()
        form = Form(*(flag in flags[1] for flag in "#0+- "))
        self.good_index = True
        indexed = self._index()
        indexed = self._width(form, indexed)
        indexed = self._precision(form, indexed)
        if not indexed:
            self._index()
        if self.at >= len(self.template):
            self.written.append("%!(NOVERB)")
            return
        verb = self.template[self.at]
        self.at += 1
        if verb == "%":
            self.written.append("%")
        elif not self.good_index:
            self.written.append(f"%!{verb}(BADINDEX)")
        elif self.next_value >= len(self.values):
            self.written.append(f"%!{verb}(MISSING)")
        else:
            self.written.append(self._formatted(self.values[self.next_value], verb, form))
            self.next_value += 1

    def _formatted(self, value: Any, verb: str, form: Form) -> str:
        if verb == "v":
            if form.sharp:
                raise UnsupportedTemplate("%#v (Go's syntax) is not printed here; use %v or %q")
            form = replace(form, plus=False, named_fields=form.plus)
        return formatted(value, verb, form)

    def _width(self, form: Form, indexed: bool) -> bool:
        if self.template.startswith("*", self.at):
            self.at += 1
            form.width = self._integer_value()
            if form.width is None:
                self.written.append("%!(BADWIDTH)")
            elif form.width < 0:
                form.width, form.minus, form.zero = -form.width, True, False
            return False
        form.width = self._number()
        if indexed and form.width is not None:
            self.good_index = False
        return indexed

    def _precision(self, form: Form, indexed: bool) -> bool:
        if self.at + 1 >= len(self.template) or self.template[self.at] != ".":
            return indexed
        self.at += 1
        if indexed:
            self.good_index = False
        indexed = self._index()
        if self.template.startswith("*", self.at):
            self.at += 1
            form.precision = self._integer_value()
            if form.precision is not None and form.precision < 0:
                form.precision = None
            if form.precision is None:
                self.written.append("%!(BADPREC)")
            return False
        form.precision = self._number() or 0
        return indexed

    def _number(self) -> int | None:
        start = self.at
        while self.at < len(self.template) and self.template[self.at] in "0123456789":
            self.at += 1
        number = int(self.template[start : self.at]) if self.at > start else None
        if number is not None and number > _NUMBER_LIMIT:
            raise UnsupportedTemplate(f"a width or precision of {number} is not printed here")
        return number

    def _integer_value(self) -> int | None:
        value = self.values[self.next_value] if self.next_value < len(self.values) else None
        self.next_value += self.next_value < len(self.values)
        is_integer = isinstance(value, int) and not isinstance(value, bool)
        return int(value) if is_integer and abs(value) <= _NUMBER_LIMIT else None

    def _index(self) -> bool:
        """Read an explicit index such as ``[2]``; tell whether there was one."""
        if not self.template.startswith("[", self.at):
            return False
        self.reordered = True
        end = self.template.find("]", self.at)
        text = self.template[self.at + 1 : end] if end >= 0 else ""
        self.at = self.at + 1 if end < 0 else end + 1
        if not (text.isascii() and text.isdigit()):
            self.good_index = False
            return False
        if 1 <= int(text) <= len(self.values):
            self.next_value = int(text) - 1
        else:
            self.good_index = False
        return True
