"""Keep only HTML that shows something: no script, no style, no address outside the page."""

from __future__ import annotations

import re
import warnings

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, Tag
from bs4.element import PreformattedString

# What a report may hold.  Everything else is unwrapped to its content.
_KEPT = frozenset(
    """a abbr b blockquote br caption code col colgroup dd del details div dl dt em figcaption
    figure h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre s samp section small span strong sub
    summary sup table tbody td tfoot th thead tr u ul var""".split()  # noqa: SIM905 (a list would take a screen)
)
# What goes with its content, because the content is not text for people.
_DROPPED = frozenset(
    """applet audio base canvas embed form frame frameset head iframe link math meta noembed
    noframes noscript object script style svg template textarea title video xmp""".split()  # noqa: SIM905 (a list would take a screen)
)
_ATTRIBUTES = frozenset(
    """alt class colspan dir height href id lang open role rowspan scope src start tabindex title
    width""".split()  # noqa: SIM905 (a list would take a screen)
)
_INSIDE_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]+")
_OUTSIDE_ADDRESS = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


def sanitize(html: str) -> str:
    """Return the fragment with known elements and attributes only, balanced and escaped.

    Links that leave the page become their text with the address behind it; headings start at h2,
    because the page has its own h1; images must be inside the page, else their text stays.
    """
    with warnings.catch_warnings():
        # Beautiful Soup wonders whether a text that is but an address was meant to be fetched.
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        soup = BeautifulSoup(html, "html.parser")
    for comment in soup.find_all(string=lambda text: isinstance(text, PreformattedString)):
        comment.extract()
    for tag in soup.find_all(True):
        if tag.decomposed:
            continue
        if tag.name in _DROPPED:
            tag.decompose()
        else:
            _clean(tag)
    return soup.decode(formatter="minimal")


def _clean(tag: Tag) -> None:
    if tag.name == "h1":
        tag.name = "h2"
    for name in list(tag.attrs):
        if name not in _ATTRIBUTES and not re.fullmatch(r"aria-[a-z]+", name):
            del tag[name]
    if tag.name == "img" and not _INSIDE_IMAGE.fullmatch(tag.get("src", "")):
        tag.replace_with(f"[image: {tag.get('alt') or 'not part of this report'}]")
    elif tag.name == "a" and not tag.get("href", "#").startswith("#"):
        address = tag["href"]
        if _OUTSIDE_ADDRESS.match(address) and address not in tag.get_text():
            tag.append(f" ({address})")
        tag.unwrap()
    elif tag.name not in _KEPT:
        tag.unwrap()
    elif tag.name != "img":
        del tag["src"]
