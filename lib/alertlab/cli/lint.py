"""``alertlab lint``: what in a rule means something else than its text."""

from __future__ import annotations

from alertlab.cli import options
from alertlab.cli.output import print_json


def lint(
    rules: options.RulesArgument,
    json: options.JsonOption = False,
    token_env: options.TokenEnvOption = "PROMETHEUS_TOKEN",
) -> None:
    """Check rules and print what is suspicious in them."""
    from alertlab.rules import lint_rule

    loaded = options.load_rules(rules, token_env=token_env)
    found = [(rule, remark) for rule in loaded for remark in lint_rule(rule)]
    if json:
        print_json(
            [
                {"file": str(rule.file), "line": rule.line, "rule": rule.name, **vars(remark)}
                for rule, remark in found
            ]
        )
        return
    for rule, remark in found:
        print(f"{rule.where}: {remark.text} [{remark.id}]")
    print(f"{len(found)} remarks")
