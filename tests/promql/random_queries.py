"""Random PromQL over the series of random_series, such that one answer is right to the bit.

Three things have no right answer to compare with, and the grammar keeps them apart:

* Sums in floating point depend on the order of the summands.  A server adds up a selector's
  series, and what range functions make of them, in label order; what operators and instant
  functions return it adds up in any order.  There only aggregations that no order changes are
  written (``max``, ``count``, ``quantile`` ..), or sums of small whole numbers.  Which of 0 and
  -0 is the largest or the median hangs on their order, too: ``+ 0`` leaves but one of them.
* Logarithms, powers and the like end in other bits in Go than in C.  They stand outermost,
  where nothing enlarges the difference.
* Of tied values ``topk`` picks any.  It is asked of values that do not tie.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import NamedTuple

from random_series import MINUTES, START_MS

WHOLE, DISTINCT = "whole", "distinct"
FAMILIES = {
    "requests_total": ("instance code", WHOLE),
    "gauge": ("instance code", DISTINCT),
    "steps": ("instance code", WHOLE),
    "float_total": ("instance", ""),
    "odd_total": ("instance", ""),
    "wild": ("instance", ""),
    "flat": ("instance", ""),
    "flapping": ("instance", ""),
    "sparse": ("instance", ""),
    "latency_count": ("instance", WHOLE),
    "latency_sum": ("instance", ""),
    "latency_bucket": ("instance le", WHOLE),
    "odd_bucket": ("instance le", ""),
    "phi": ("", ""),
}
"""Labels that tell the series of a metric apart, and what is known of their values."""

WINDOWS = ("15s", "45s", "90s", "1m1s500ms", "2m", "5m", "5m", "10m", "20m")
STEPS = ("", "7s", "15s", "40s", "1m", "2m500ms")
NUMBERS = ("0", "1", "2", "-1", "0.5", "3", "-2.5", "100", "1e9", "1e-9", "NaN", "Inf", "-Inf")
RATIOS = ("0", "0.1", "0.5", "0.9", "0.99", "1", "-0.1", "1.1", "NaN")
ARITHMETIC = ("+", "-", "*", "/", "%")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
CHAINED = (*ARITHMETIC, *ARITHMETIC, ">", "<= bool", "and", "or", "unless")


def words(text: str) -> list[str]:
    return text.split()


RANGE_FUNCTIONS = words(
    "avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate "
    "last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets "
    "stddev_over_time stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time "
    "predict_linear quantile_over_time holt_winters double_exponential_smoothing"
)
STAY_WHOLE = words("changes count_over_time max_over_time min_over_time present_over_time resets")
STAY_DISTINCT = words("avg_over_time max_over_time min_over_time sum_over_time")
ELEMENTWISE = words("abs ceil deg floor rad round sgn sort sort_desc sqrt")
CALENDAR = words("day_of_month day_of_week day_of_year days_in_month hour minute month year")
TRANSCENDENTAL = words(
    "acos acosh asin asinh atan atanh cos cosh exp ln log10 log2 sin sinh tan tanh"
)
ORDERLESS = ("count", "group", "max", "min", "quantile", "count_values")
SUMMING = ("avg", "stddev", "stdvar", "sum")


class Query(NamedTuple):
    """An expression.

    exact : the server's very bits are wanted, not only values within 1e-12
    sorted : the order of an instant query's elements has one right answer
    """

    text: str
    exact: bool = True
    sorted: bool = False


@dataclass(frozen=True)
class Made:
    """A vector expression.

    labels : names of labels that tell its series apart
    ordered : a server meets its series in label order
    whole : its values are small whole numbers
    distinct : its values do not tie
    """

    text: str
    labels: frozenset[str] = frozenset()
    ordered: bool = False
    whole: bool = False
    distinct: bool = False


class QueryMaker:
    """Writes one random query after the other; ``only_in`` names functions of one semantics."""

    def __init__(self, random: Random, semantics: int, only_in: dict[str, int]) -> None:
        self.random = random
        self.semantics = semantics
        self.range_functions = [
            name for name in RANGE_FUNCTIONS if only_in.get(name, semantics) == semantics
        ]

    # Whole queries

    def range_query(self) -> Query:
        """Write a query that can be asked at every step: of a vector or a scalar."""
        kind = self.random.random()
        if kind < 0.05:
            return Query(self.scalar(2))
        if kind < 0.2:
            return self.inexact()
        if kind < 0.25:
            return Query(self.extreme_rows())
        return Query(self.vector(3).text)

    def instant_query(self) -> Query:
        """Write a query for one time, which may also be of windows or strings, or in order."""
        kind = self.random.random()
        if kind < 0.15:
            # 2.42 gives a bare subquery without a step in its window a sample behind its end.
            return Query(self.window(2, lengths=("5m", "10m"))[0])
        if kind < 0.2:
            return Query(self.one_of("'text'", r'"a\tb\u00e9\x41"', r"`raw\n`"))
        if kind < 0.3:
            sort = self.one_of("sort", "sort_desc")
            return Query(f"{sort}({self.distinct().text})", sorted=True)
        if kind < 0.4:
            return Query(self.extreme_rows(), sorted=True)
        return self.range_query()

    def inexact(self) -> Query:
        """Write a query whose last bits may differ."""
        if self.chance(0.1):
            powers = ("", " ^ 2", " ^ -0.5", " ^ 2 ^ 3")
            return Query(self.chain(3, ("*", "/"), powers).text, exact=False)
        inner = self.vector(2).text
        if self.chance(0.5):
            return Query(f"{self.one_of(*TRANSCENDENTAL)}({inner})", exact=False)
        text = self.one_of(
            f"({inner}) ^ {self.one_of('2', '0.5', '-1', '3')}",
            f"{self.one_of('2', '10')} ^ ({inner})",
            f"({inner}) atan2 {self.one_of(*NUMBERS)}",
            f"({inner}) atan2 ({inner})",
        )
        return Query(text, exact=False)

    def extreme_rows(self) -> str:
        """Write a topk or bottomk."""
        inner = self.distinct()
        k = self.one_of("0", "1", "2", "3", "2.7", "-1", "9", "scalar(sum(steps)) % 4")
        return self.grouped(self.one_of("topk", "bottomk"), f"{k}, {inner.text}", inner)[0]

    # Vectors

    def vector(self, depth: int) -> Made:
        """Write a vector expression of at most this depth."""
        if depth == 0:
            return self.selector()
        weighted = {
            self.over_window: 8,
            self.aggregation: 5,
            self.two_vectors: 5,
            self.function: 4,
            self.vector_and_scalar: 3,
            self.set_operation: 2,
            self.histogram: 2,
            self.leaf: 2,
            self.joined: 1,
            self.labelled: 1,
            self.absent: 1,
            self.chain: 1,
        }
        (make,) = self.random.choices(list(weighted), list(weighted.values()))
        return make(depth)

    def leaf(self, depth: int) -> Made:
        """Write what has no vector inside, or hardly one."""
        kind = self.random.random()
        if kind < 0.15:
            return Made(f"vector({self.scalar(depth - 1)})")
        if kind < 0.3:
            names = "|".join(self.random.sample(list(FAMILIES), 2))
            return Made(f'{{__name__=~"{names}"}}{self.modifiers()}', frozenset(["__name__"]))
        return self.selector()

    def selector(self, *names: str, window: str = "", fixed_allowed: bool = True) -> Made:
        """Write a selector with matchers, ``offset`` and ``@``; ``window`` makes it a range."""
        name = self.one_of(*(names or FAMILIES))
        labels, trait = FAMILIES[name]
        modifiers = self.modifiers(fixed_allowed)
        return Made(
            f"{name}{self.matchers(labels.split())}{window}{modifiers}",
            frozenset(labels.split()),
            ordered=True,
            whole=trait == WHOLE,
            distinct=trait == DISTINCT,
        )

    def distinct(self) -> Made:
        """Write a vector whose values do not tie."""
        if self.chance(0.5):
            return self.selector("gauge")
        window = self.selector("gauge", window=f"[{self.one_of(*WINDOWS)}]")
        return replace(window, text=f"{self.one_of(*STAY_DISTINCT)}({window.text})")

    def matchers(self, labels: list[str]) -> str:
        written = []
        if "instance" in labels and self.chance(0.3):
            written.append(
                self.one_of('instance="a"', 'instance!="b"', 'instance=~"a|c"', 'instance=~".+"')
            )
        if "code" in labels and self.chance(0.3):
            written.append(self.one_of('code="200"', 'code!~"4.."', 'code=~"[45].*"', 'nothing=""'))
        return "{" + ", ".join(written) + "}" if written else ""

    def modifiers(self, fixed_allowed: bool = True) -> str:
        """Write none, one or both of ``offset`` and ``@``, in any order."""
        written = []
        if self.chance(0.15):
            written.append(f" offset {self.one_of('3m', '-90s', '1m1s500ms', '17s', '20m')}")
        if fixed_allowed and self.chance(0.12):
            moment = START_MS + self.random.randrange(MINUTES * 60_000)
            fixed = (f"{moment / 1000:.3f}", "start()", "end()")
            written.append(f" @ {self.one_of(*fixed)}")
        self.random.shuffle(written)
        return "".join(written)

    def window(
        self, depth: int, fixed_allowed: bool = True, lengths: Sequence[str] = WINDOWS
    ) -> tuple[str, Made]:
        """Write a range selector or a subquery; gives what it is a window of as well."""
        length = self.one_of(*lengths)
        if depth < 2 or self.chance(0.6):
            made = self.selector(window=f"[{length}]", fixed_allowed=fixed_allowed)
            return made.text, made
        inner = self.vector(depth - 1)
        # Where a subquery happens to begin when what is around it does, a server forgets to shift
        # the @ inside by the subquery's own modifiers.
        modifiers = "" if "@" in inner.text else self.modifiers(fixed_allowed)
        return f"({inner.text})[{length}:{self.one_of(*STEPS)}]{modifiers}", inner

    def over_window(self, depth: int) -> Made:
        """Write a function of windows."""
        name = self.one_of(*self.range_functions)
        number = self.one_of(self.one_of(*RATIOS), "scalar(phi)")
        # Beside a number that changes, 2.42 has no sound answer for a window fixed by @.
        fixed = self.semantics >= 3 or (name != "predict_linear" and number != "scalar(phi)")
        window, inner = self.window(depth, fixed)
        arguments = {
            "quantile_over_time": f"{number}, {window}",
            "predict_linear": f"{window}, {number} * 3600",
            "holt_winters": f"{window}, 0.3, 0.6",
            "double_exponential_smoothing": f"{window}, 0.3, 0.6",
        }
        text = f"{name}({arguments.get(name, window)})"
        if name == "quantile_over_time":
            return Made(f"({text} + 0)", inner.labels)
        whole = inner.whole and name in STAY_WHOLE
        return replace(inner, text=text, whole=whole, distinct=False)

    def aggregation(self, depth: int) -> Made:
        """Write an aggregation whose result does not hang on the order of its summands."""
        inner = self.vector(depth - 1)
        summing = SUMMING if inner.ordered else ("sum",) if inner.whole else ()
        op = self.one_of(*ORDERLESS, *summing, *summing)
        argument = inner.text
        if op in ("max", "min") and not inner.ordered:
            argument = f"({argument}) + 0"
        if op == "quantile":
            argument = f"{self.ratio()}, {argument}"
        if op == "count_values":
            argument = f'"{self.one_of("value", "instance")}", {argument}'
        # 2.42 mixes up three labels of a group with the value's own.
        text, labels = self.grouped(op, argument, inner, most=2 if op == "count_values" else 9)
        if op == "quantile":
            text = f"({text} + 0)"
        whole = op in ("count", "group") or (inner.whole and op in ("max", "min", "sum"))
        added = {"value"} if op == "count_values" else set()
        return Made(text, labels | added, whole=whole)

    def grouped(
        self, op: str, argument: str, inner: Made, most: int = 9
    ) -> tuple[str, frozenset[str]]:
        """Write an aggregation with or without ``by``; gives the labels that are left."""
        known = sorted(inner.labels)
        names = self.random.sample(known, min(self.random.randint(0, len(known)), most))
        if self.chance(0.05) and len(names) < most:
            names.append(self.one_of("nothing", "__name__"))
        how = self.one_of("", "by", "by", "without")
        left = {"": frozenset(), "by": inner.labels & set(names)}.get(how, inner.labels - {*names})
        if not how:
            return f"{op}({argument})", left
        group = f"{how} ({', '.join(names)})"
        return self.one_of(f"{op} {group} ({argument})", f"{op}({argument}) {group}"), left

    def two_vectors(self, depth: int) -> Made:
        """Write an arithmetic operator or a comparison between vectors that find each other."""
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        op = self.one_of(*ARITHMETIC, *COMPARISONS)
        if op in COMPARISONS and self.chance(0.5):
            op += " bool"
        a, b = left.labels - {"__name__"}, right.labels - {"__name__"}
        labels = max(a, b, key=len)
        if self.chance(0.12):
            matching = self.one_of(
                "", "on (code)", "ignoring (code)", "on (instance) group_left ()"
            )
        elif a == b:
            matching = self.one_of("", self.names("on", a), "ignoring (nothing)")
        elif a > b:
            included = self.one_of("()", "(nothing)")
            many = self.one_of(self.names("on", b), self.names("ignoring", a - b))
            matching = f"{many} group_left {included}"
        elif a < b:
            many = self.one_of(self.names("on", a), self.names("ignoring", b - a))
            matching = f"{many} group_right ()"
        else:
            labels, matching = a & b, ""
            by = self.names("by", labels)
            left, right = (
                replace(one, text=f"max {by} (({one.text}) + 0)") for one in (left, right)
            )
        return Made(f"({left.text}) {op} {matching} ({right.text})", labels)

    def joined(self, depth: int) -> Made:
        """Write a join that takes over a label."""
        inner = self.vector(depth - 1)
        if "instance" not in inner.labels:
            inner = self.selector("gauge", "requests_total")
        text = self.one_of(
            f"({inner.text}) * on (instance) group_left (version) build_info",
            f"build_info * on (instance) group_right (version) ({inner.text})",
        )
        return Made(text, inner.labels | {"version"})

    def set_operation(self, depth: int) -> Made:
        left, right = self.vector(depth - 1), self.vector(depth - 1)
        matching = self.one_of("", self.names("on", left.labels & right.labels - {"__name__"}))
        op = self.one_of("and", "or", "unless")
        labels = left.labels | right.labels if op == "or" else left.labels
        return Made(f"({left.text}) {op} {matching} ({right.text})", labels)

    def vector_and_scalar(self, depth: int) -> Made:
        inner, scalar = self.vector(depth - 1), self.scalar(depth - 1)
        if self.chance(0.1):
            return Made(f"-({inner.text})", inner.labels, whole=inner.whole)
        op = self.one_of(*ARITHMETIC, *COMPARISONS)
        whole = op in COMPARISONS and inner.whole
        if op in COMPARISONS and self.chance(0.4):
            op += " bool"
        text = self.one_of(f"({inner.text}) {op} {scalar}", f"{scalar} {op} ({inner.text})")
        return Made(text, inner.labels, whole=whole)

    def chain(
        self, depth: int, operators: Sequence[str] = CHAINED, powers: Sequence[str] = ("",)
    ) -> Made:
        """Write operators side by side, for the parser to group."""
        metrics = ("gauge", "steps", "requests_total")
        terms = [self.one_of(*metrics, "2", "0.5", "3", "7") for _ in range(depth + 1)]
        terms[self.random.randrange(len(terms))] = self.one_of(*metrics)
        signed = [self.one_of("", "", "-", "+") + term + self.one_of(*powers) for term in terms]
        text = signed[0] + "".join(f" {self.one_of(*operators)} {term}" for term in signed[1:])
        return Made(text, frozenset(["instance", "code"]))

    def function(self, depth: int) -> Made:
        """Write a function of an instant vector's values."""
        inner = self.vector(depth - 1)
        one, other = self.scalar(0), self.scalar(0)
        text = self.one_of(
            f"{self.one_of(*ELEMENTWISE)}({inner.text})",
            f"{self.one_of(*ELEMENTWISE)}({inner.text})",
            f"{self.one_of('timestamp', *CALENDAR)}({inner.text})",
            f"{self.one_of('clamp_min', 'clamp_max', 'round')}({inner.text}, {one})",
            f"clamp({inner.text}, {one}, {other})",
        )
        return Made(text, inner.labels)

    def histogram(self, depth: int) -> Made:
        """Write a quantile or a fraction of histograms with buckets of all sorts."""
        window = self.one_of("", "[5m]", "[90s]")
        buckets = self.selector("latency_bucket", "odd_bucket", window=window)
        text, labels = buckets.text, buckets.labels - {"le"}
        if window:
            text = f"{self.one_of('rate', 'increase', 'delta')}({text})"
        if self.chance(0.5):
            by, labels = self.one_of(("le", set()), ("le, instance", labels))
            text = f"sum by ({by}) ({text})"
        if self.semantics >= 3 and self.chance(0.3):
            return Made(f"histogram_fraction({self.scalar(0)}, 0.3, {text})", frozenset(labels))
        return Made(f"histogram_quantile({self.ratio()}, {text})", frozenset(labels))

    def labelled(self, depth: int) -> Made:
        inner = self.vector(depth - 1)
        name = self.one_of("short", "short", "instance")
        text = self.one_of(
            f'label_replace({inner.text}, "{name}", "$1-x", "instance", "(.).*")',
            f'label_replace({inner.text}, "{name}", "${{1}}", "code", "(4)(.*)")',
            f'label_join({inner.text}, "{name}", "/", "instance", "code")',
        )
        return Made(text, inner.labels | {"short"})

    def absent(self, depth: int) -> Made:
        if self.chance(0.2):
            matchers = self.random.choices(('a="1"', 'a="2"', 'a=~"3"', 'b=~"4"', 'c="5"'), k=3)
            matchers.append(self.one_of('a!="6"', 'b!~".+"', 'd="7"'))
            return Made(f"absent(nothing{{{', '.join(matchers)}}})", frozenset("ac"), whole=True)
        if self.chance(0.5):
            return Made(f"absent({self.vector(depth - 1).text})", whole=True)
        return Made(f"absent_over_time({self.window(depth)[0]})", whole=True)

    # Scalars

    def scalar(self, depth: int) -> str:
        """Write a scalar expression."""
        if depth <= 0 or self.chance(0.4):
            return self.one_of(*NUMBERS, *NUMBERS, "time()", "scalar(phi)", "pi()")
        kind = self.random.random()
        if kind < 0.4:
            return f"scalar({self.vector(depth - 1).text})"
        if kind < 0.6:
            return f"scalar({self.one_of(*CALENDAR)}())"
        op = self.one_of(*ARITHMETIC, *(f"{one} bool" for one in COMPARISONS))
        return f"({self.scalar(depth - 1)} {op} {self.scalar(depth - 1)})"

    def ratio(self) -> str:
        return self.one_of(*RATIOS, "scalar(phi)", "scalar(phi)")

    # Choices

    def one_of(self, *choices):
        return self.random.choice(choices)

    def chance(self, ratio: float) -> bool:
        return self.random.random() < ratio

    def names(self, keyword: str, labels: frozenset[str]) -> str:
        return f"{keyword} ({', '.join(sorted(labels))})"
