"""YAML with line numbers, and where in its documents rule groups stand.

A rule file of Prometheus is one document with the key ``groups``.  Kubernetes' PrometheusRule
objects hold the same under ``spec``, several in one file or in a List.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from alertlab.errors import BadInput, require_file

LISTS = ("List", "PrometheusRuleList")
OBJECT, API_VERSION = "PrometheusRule", "monitoring.coreos.com/v1"


class GroupsNode(NamedTuple):
    """A mapping with the key ``groups``, and the keys of a group that Prometheus never sees."""

    node: CommentedMap
    ignored: frozenset[str] = frozenset()


class _TextResolver(VersionedResolver):
    """Takes every plain scalar for the text it is: ``010`` and ``true`` are label values."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        is_text = kind is ScalarNode and value not in ("<<", "", "~", "null", "Null", "NULL")
        return super().resolve(kind, value, (False, False) if is_text else implicit)


def read_yaml(path: Path, *, keep_quotes: bool = False) -> Any:
    """Read a YAML file with line numbers kept and every scalar but null as its text.

    With ``keep_quotes`` a quoted scalar is a ``ScalarString``, by which it can be told from a
    plain one.  BadInput says where the file is broken.
    """
    found = read_documents(path, keep_quotes=keep_quotes)
    if len(found) > 1:
        raise BadInput(f"{path}: not valid YAML: another document follows the first")
    return found[0] if found else None


def find_groups(path: Path) -> list[GroupsNode]:
    """Return the mappings of a rule file that hold groups; BadInput if it holds anything else.

    Each document of a PrometheusRule object is one, as each becomes a rule file of its own.
    """
    found = read_documents(require_file(path, "the rule file"), keep_quotes=True)
    documents = [one for one in found if one is not None]
    if not any(isinstance(one, CommentedMap) and "kind" in one for one in documents):
        if len(documents) > 1:
            raise BadInput(
                f"{path}: Prometheus reads the first of its {len(documents)} documents only; "
                "put all groups into one, or each document into a file of its own"
            )
        return [GroupsNode(_plain(one, path)) for one in documents]
    return [found for one in documents for found in _objects(one, path)]


def only_keys(node: CommentedMap, known: frozenset[str], where: str) -> None:
    """Refuse a mapping with a key that is not ``known``, and say in which line it stands."""
    for key in node:
        if key not in known:
            line = node.lc.key(key)[0] + 1
            raise BadInput(f"{where}: line {line}: unknown key {key!r}; known: {sorted(known)}")


def entries(node: CommentedMap, key: str, where: str) -> list[Any]:
    """Return what a list under a key holds; empty entries are passed over, as is no list."""
    found = node.get(key)
    if found is not None and not isinstance(found, list):
        raise BadInput(f"{where}: {key} is not a list")
    return [one for one in found or () if one is not None]


def line_of(node: CommentedMap) -> int:
    """Return the line in which a node starts, from 1."""
    return node.lc.line + 1


def read_documents(path: Path, *, keep_quotes: bool) -> list[Any]:
    yaml = YAML()
    yaml.preserve_quotes = keep_quotes
    yaml.Resolver = _TextResolver
    try:
        return list(yaml.load_all(path.read_text(encoding="utf-8")))
    except DuplicateKeyError as error:  # its own text has both values, and one may be a secret
        key, _, _ = error.problem.partition(" with value ")
        line, first = error.problem_mark.line + 1, error.context_mark.line + 1
        raise BadInput(
            f"{path}:{line}: not valid YAML: {key} in the mapping of line {first}"
        ) from None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        raise BadInput(f"{path}{line}: not valid YAML: {error.problem or error.context}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: not valid YAML: {error}") from None


def _plain(document: Any, path: Path) -> CommentedMap:
    if not isinstance(document, CommentedMap) or set(document) - {"groups"}:
        raise BadInput(f"{path}: a rule file holds one key, groups; check what stands beside it")
    return document


def _objects(document: Any, path: Path) -> Iterator[GroupsNode]:
    """Give the ``spec`` of each PrometheusRule in a Kubernetes object."""
    if not isinstance(document, CommentedMap):
        raise BadInput(f"{path}: each document must be a {OBJECT} object, as another one is")
    where, kind = f"{path}:{line_of(document)}", document.get("kind")
    if kind in LISTS:
        for item in entries(document, "items", where):
            yield from _objects(item, path)
        return
    if kind != OBJECT or document.get("apiVersion") != API_VERSION:
        raise BadInput(
            f"{where}: kind {kind} of {document.get('apiVersion')} holds no rules; "
            f"leave {OBJECT} objects of {API_VERSION} only"
        )
    spec = document.get("spec")
    if not isinstance(spec, CommentedMap):
        raise BadInput(f"{where}: the {OBJECT} has no spec; add spec: with groups: in it")
    only_keys(spec, frozenset({"groups"}), where)
    yield GroupsNode(spec, frozenset({"partial_response_strategy"}))
