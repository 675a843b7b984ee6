"""What a rule's text claims in numbers: thresholds and durations, in English and Korean."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

SECONDS, BYTES, PERCENT, COUNT = "s", "B", "%", ""

_TEMPLATE = re.compile(r"\{\{.*?\}\}", re.DOTALL)
# Addresses, commands and what stands in brackets or quotes as an example are not the rule's.
_ASIDE = re.compile(r"https?://\S+|`[^`]*`")
_OTHER_ANNOTATIONS = re.compile(r"runbook|dashboard|playbook|url|link|action|fix", re.IGNORECASE)

_SECONDS_OF = {
    r"ns|(?i:nanoseconds?)|나노초": 1e-9,
    r"µs|μs|us|(?i:microseconds?)|마이크로초": 1e-6,
    r"ms|msecs?|(?i:milliseconds?|millis)|밀리초": 1e-3,
    r"s|(?i:secs?|seconds?)|초": 1.0,
    r"m|(?i:mins?|minutes?)|분": 60.0,
    r"h|(?i:hrs?|hours?)|시간": 3600.0,
    r"d|(?i:days?)|일": 86400.0,
    r"w|(?i:weeks?)|주": 604800.0,
}
_BYTES_OF = {
    r"B|(?i:bytes?)|바이트": 0,
    r"[kK]i?B|(?i:kilobytes?)|킬로바이트": 1,
    r"Mi?B|(?i:megabytes?)|메가바이트": 2,
    r"Gi?B|(?i:gigabytes?)|기가바이트": 3,
    r"Ti?B|(?i:terabytes?)|테라바이트": 4,
}
_PERCENT = r"%|(?i:percents?|per cent)|퍼센트"
_THOUSANDS_OF = {
    r"천": 1e3, r"[kK]|(?i:thousand)": 1e3, r"만": 1e4, r"M|(?i:million)|백만": 1e6
}  # fmt: skip
_UNIT = "|".join([*_SECONDS_OF, *_BYTES_OF, _PERCENT, *_THOUSANDS_OF])
# No part of a word, a version, an address or a date; the unit may be missing.
_NUMBER = re.compile(
    r"(?<![\w.:/#$,-])(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?!\d|[.,:/-]\d)"
    rf"(?:[ -]?(?P<unit>{_UNIT})(?![A-Za-z0-9_]))?(?![A-Za-z0-9_])"
)
_PERCENTILE = re.compile(r"\s*(?:st|nd|rd|th)?[- ]?(?:percentile|quantile|백분위)", re.IGNORECASE)
_PER_TIME_BEHIND = re.compile(
    r"[^.;(){}\d]{0,30}?(?:/ ?|\bper[- ]|\ba )"
    r"(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|초|분)\b"
    r"|[^.;(){}\d]{0,12}?(?:ps|PS)\b",
)
_PER_TIME_BEFORE = re.compile(
    r"(?:초당|분당|시간당)[^.\d]{0,20}$|per[- ](?:second|minute)[^.\d]{0,20}$"
)
_LIMIT_BEFORE = re.compile(
    r"(?:\b(?:more than|over|above|exceed(?:s|ed|ing)?|greater than|higher than|larger than"
    r"|longer than|older than|at least|less than|fewer than|lower than|smaller than|shorter than"
    r"|below|under|at most|beyond|within)|[<>≥≤]=?)"
    r"\s*(?:or equal to |a |the |threshold of |of |about |~|=)*\s*\(?$",
    re.IGNORECASE,
)
_SPAN_BEFORE = re.compile(
    r"(?:\b(?:for|in|during|over|within|last|past|previous)|최근|지난)\s*"
    r"(?:the |last |past |previous |about |at least )*\s*$",
    re.IGNORECASE,
)
_LIMIT_BEHIND = re.compile(
    r"\s*(?:개|건|회|번|명|대)?\s*(?:을|를|이|가|의|은|는)?\s*"
    r"(?:이상|이하|초과|미만|넘|보다|간\b|동안|내에|이내)|\s+or (?:more|less|higher|lower)\b"
)
# What ought to be, or usually is, is not what the rule watches.
_NOT_OF_THE_ALERT = re.compile(
    r"\b(?:normal(?:ly)?|should|expected|usual(?:ly)?)\b|정상", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


@dataclass(frozen=True)
class Claim:
    """A number in a rule's text.

    value : in seconds, bytes or percent where the unit says so, else a plain count
    unit : ``s``, ``B``, ``%`` or empty
    phrase : the words that make it a claim, as written
    is_limit : whether the text says that something is above or below it, or lasts so long
    is_rate : whether the text says it of a second, a minute or an hour
    """

    value: float
    unit: str
    phrase: str
    is_limit: bool = False
    is_rate: bool = False
    start: int = 0
    end: int = 0


def find_claims(annotations: Mapping[str, str]) -> list[Claim]:
    """Return the numbers that a rule's annotations speak of, in the order of the text.

    What templates expand to claims nothing, nor do addresses, commands and what a runbook says.
    """
    return [
        claim
        for name, text in annotations.items()
        if not _OTHER_ANNOTATIONS.search(name)
        for claim in _joined(text, _claims_of(_ASIDE.sub(_blank, _TEMPLATE.sub(_blank, text))))
    ]


def _claims_of(text: str) -> Iterator[Claim]:
    for found in _NUMBER.finditer(text):
        before, behind = text[: found.start()], text[found.end() :]
        if _PERCENTILE.match(behind):
            continue
        value, unit = _measured(float(found["number"].replace(",", "")), found["unit"] or "")
        limit = _LIMIT_BEFORE.search(before) or (
            _SPAN_BEFORE.search(before) if unit == "s" else None
        )
        sentence = _SENTENCE_END.split(before)[-1] + _SENTENCE_END.split(behind)[0]
        limit_behind = _LIMIT_BEHIND.match(behind)
        phrase = f"{limit[0] if limit else ''}{found[0]}{limit_behind[0] if limit_behind else ''}"
        yield Claim(
            value=value,
            unit=unit,
            phrase=" ".join(phrase.split()),
            is_limit=bool(limit or limit_behind) and not _NOT_OF_THE_ALERT.search(sentence),
            is_rate=bool(_PER_TIME_BEHIND.match(behind) or _PER_TIME_BEFORE.search(before)),
            start=found.start(),
            end=found.end(),
        )


def _joined(text: str, claims: Iterator[Claim]) -> Iterator[Claim]:
    """Make one duration of those that follow each other: 1 hour 30 minutes."""
    last: Claim | None = None
    for claim in claims:
        if (
            last is not None
            and last.unit == claim.unit == SECONDS
            and claim.value < last.value
            and text[last.end : claim.start].strip() in ("", "and")
        ):
            last = replace(
                last,
                value=last.value + claim.value,
                phrase=f"{last.phrase} {claim.phrase}",
                is_limit=last.is_limit or claim.is_limit,
                end=claim.end,
            )
            continue
        if last is not None:
            yield last
        last = claim
    if last is not None:
        yield last


def _measured(number: float, unit: str) -> tuple[float, str]:
    for known, of in ((_SECONDS_OF, SECONDS), (_THOUSANDS_OF, COUNT)):
        for pattern, factor in known.items():
            if re.fullmatch(pattern, unit):
                return number * factor, of
    for pattern, power in _BYTES_OF.items():
        if re.fullmatch(pattern, unit):
            return number * 1024.0**power, BYTES
    return number, PERCENT if unit else COUNT


def _blank(found: re.Match[str]) -> str:
    return "\0" * len(found[0])  # so that places in the text stay what they are
