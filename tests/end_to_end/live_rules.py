"""The rules and the routing that the rehearsal is watched with: the real ones in seconds."""

from __future__ import annotations

RULE, SILENT_RULE = "HighLoginFailureRate", "SlowService"
WINDOW_SECONDS, THRESHOLD_PER_SECOND, HOLD_SECONDS = 15, 5, 3
RULES = {
    "groups": [
        {
            "name": "live",
            "rules": [
                {
                    "alert": RULE,
                    "expr": f"sum(rate(auth_login_failure_total[{WINDOW_SECONDS}s])) "
                    f"> {THRESHOLD_PER_SECOND}",
                    "for": f"{HOLD_SECONDS}s",
                    "labels": {"severity": "warning"},
                },
                {
                    "alert": SILENT_RULE,
                    "expr": "histogram_quantile(0.95, sum by (le) "
                    "(rate(grpc_server_handling_seconds_bucket[15s]))) > 4",
                    "labels": {"severity": "critical"},
                },
            ],
        }
    ]
}
ALERTMANAGER = {
    "global": {
        "slack_api_url": "https://slack.invalid/",
        "smtp_smarthost": "mail.invalid:25",
        "smtp_from": "alerts@immersiverse.example",
    },
    "route": {
        "receiver": "email",
        "group_by": ["alertname"],
        "group_wait": "2s",
        "group_interval": "5s",
        "routes": [{"matchers": ['severity = "warning"'], "receiver": "slack", "continue": True},
                   {"receiver": "email"}],
    },
    "receivers": [
        {"name": "slack", "slack_configs": [{"channel": "#alerts"}]},
        {"name": "email", "email_configs": [{"to": "team@immersiverse.example"}]},
    ],
}  # fmt: skip
