"""The monitoring configuration, judged by promtool and amtool."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from auth_service import metrics
from auth_service.scenario.monitors import NOTIFICATIONS, NOTIFICATIONS_FAILED

MONITORING = Path(__file__).resolve().parents[2] / "auth_service" / "monitoring"
RULES = MONITORING / "rules" / "auth-service.yml"

# The two rules of the monitoring guide, word for word.
GUIDE_RULES = """
- alert: HighLoginFailureRate
  expr: rate(auth_login_failure_total[5m]) > 5
  for: 2m
  labels:
    severity: warning
  annotations:
    summary: "로그인 실패율 급증"
    description: "최근 5분간 로그인 실패 건수가 5건을 초과했습니다. 확인 바랍니다."
- alert: HighGRPCResponseTime
  expr: histogram_quantile(0.95, sum(rate(grpc_server_handling_seconds_bucket[1m])) by (le)) > 0.5
  for: 1m
  labels:
    severity: critical
  annotations:
    summary: "gRPC 응답 지연"
    description: "최근 1분 동안 gRPC 95th percentile 응답 시간이 0.5초를 초과했습니다."
"""


def read(path: Path):
    """Return a YAML file's content."""
    return YAML(typ="safe").load(path.read_text(encoding="utf-8"))


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run one of the judges."""
    return subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)


def rules() -> list[dict]:
    """Return the rules of the only group."""
    (group,) = read(RULES)["groups"]
    assert group["name"] == "auth-service-alerts"
    return group["rules"]


@pytest.fixture
def without_discovery(tmp_path) -> Path:
    """The Prometheus configuration for a promtool that was built without Kubernetes.

    Kubernetes' discovery is replaced by pods that it might find; all else stays.
    """
    config = read(MONITORING / "prometheus.yml")
    for job in config["scrape_configs"]:
        if job.pop("kubernetes_sd_configs", None):
            job["static_configs"] = [
                pod("10.0.0.1:9464", app="auth-service", port="9464", phase="Running"),
                pod("10.0.0.1:50051", app="auth-service", port="50051", phase="Running"),
                pod("10.0.0.2:9464", app="auth-service", port="9464", phase="Succeeded"),
                pod("10.0.0.3:9464", app="billing", port="9464", phase="Running"),
            ]
    (tmp_path / "rules").symlink_to(MONITORING / "rules")
    path = tmp_path / "prometheus.yml"
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(config, file)
    return path


def pod(address: str, *, app: str, port: str, phase: str) -> dict:
    """Return a target with the labels that Kubernetes' discovery gives one port of a pod."""
    return {
        "targets": [address],
        "labels": {
            "__meta_kubernetes_pod_label_app": app,
            "__meta_kubernetes_pod_container_port_number": port,
            "__meta_kubernetes_pod_phase": phase,
            "__meta_kubernetes_pod_name": "auth-service-x",
            "__meta_kubernetes_namespace": "production",
        },
    }


def test_guide_rules_stand_word_for_word():
    """The first two rules are those of the monitoring guide, texts included."""
    assert rules()[:2] == YAML(typ="safe").load(GUIDE_RULES)
    text = RULES.read_text(encoding="utf-8")
    for line in GUIDE_RULES.strip().splitlines():
        assert line.removeprefix("- ").strip() in text


def test_rules_pass_promtool(promtool):
    """promtool accepts the rule file and sees every rule."""
    result = run(promtool, "check", "rules", RULES)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(rules())} rules found" in result.stdout


def test_config_passes_promtool(promtool, without_discovery):
    """promtool accepts the configuration with its rules, Kubernetes' discovery apart."""
    result = run(promtool, "check", "config", without_discovery)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(rules())} rules found" in result.stdout


def test_full_config_passes_promtool(promtool):
    """A promtool that knows Kubernetes accepts the file as it is."""
    result = run(promtool, "check", "config", MONITORING / "prometheus.yml")
    if "field kubernetes_sd_configs not found" in result.stderr + result.stdout:
        unknown = [line for line in result.stderr.splitlines() if "not found in type" in line]
        assert len(unknown) == 2, result.stderr  # the two jobs, and nothing else is wrong
    else:
        assert result.returncode == 0, result.stdout + result.stderr


def test_jobs_of_the_guide():
    """The guide's three jobs are there, the first one on the port that speaks HTTP."""
    config = read(MONITORING / "prometheus.yml")
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    target = "auth-service.production.svc.cluster.local:9464"
    assert jobs["auth-service"]["static_configs"] == [{"targets": [target]}]
    assert jobs["kubernetes-nodes"]["kubernetes_sd_configs"] == [{"role": "node"}]
    assert jobs["kubernetes-pods"]["kubernetes_sd_configs"] == [{"role": "pod"}]
    assert jobs["kubernetes-pods"]["relabel_configs"][0] == {
        "source_labels": ["__meta_kubernetes_pod_label_app"],
        "regex": "auth-service",
        "action": "keep",
    }
    assert config["global"] == {"scrape_interval": "15s", "evaluation_interval": "15s"}
    assert config["rule_files"] == ["rules/*.yml"]


def test_relabelling_keeps_the_metrics_port(promtool, without_discovery):
    """Of four targets the pods job keeps the one to scrape, with job, namespace and pod."""
    result = run(
        promtool, "check", "service-discovery", "--timeout", "2s", without_discovery,
        "kubernetes-pods",
    )  # fmt: skip
    kept = [one["labels"] for one in json.loads(result.stdout) if one["labels"]]
    assert [one["instance"] for one in kept] == ["10.0.0.1:9464"]
    assert (kept[0]["job"], kept[0]["namespace"], kept[0]["pod"]) == (
        "auth-service", "production", "auth-service-x",
    )  # fmt: skip


def test_rules_use_metrics_that_exist():
    """Every metric in an expression is one that the service or Alertmanager exports."""
    names = {
        metrics.LOGIN_FAILURE, metrics.LOGIN_SUCCESS, metrics.LOGIN_REQUESTS, metrics.TOKEN_ERRORS,
        NOTIFICATIONS, NOTIFICATIONS_FAILED, "up",
        *(
            f"{histogram}_{part}"
            for histogram in (metrics.GRPC_HANDLING, metrics.TOKEN_VALIDATION_LATENCY)
            for part in ("bucket", "sum", "count")
        ),
    }  # fmt: skip
    words = {"by", "histogram_quantile", "le", "rate", "sum", "vector", "grpc_method"}
    words |= {"integration", "m"}
    for rule in rules():
        used = set(re.findall(r"[a-z][a-z_]*", rule["expr"])) - words
        assert used <= names, rule["alert"]


def test_every_rule_tells_what_and_how_bad():
    """Each rule has a severity that is routed, a summary and a description."""
    for rule in rules():
        assert rule["labels"]["severity"] in {"critical", "warning", "none"}
        assert set(rule["annotations"]) == {"summary", "description"}
    assert {rule["alert"] for rule in rules() if rule["labels"]["severity"] == "none"} == {
        "Watchdog"
    }


RULE_TEST = """
rule_files: [{rules}]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {{series: 'up{{job="auth-service", instance="a"}}', values: '1x20 0x40'}}
      - series: 'alertmanager_notifications_total{{integration="slack"}}'
        values: '0+1x240'
      - series: 'alertmanager_notifications_failed_total{{integration="slack"}}'
        values: '0+1x240'
      - {{series: 'auth_login_requests_total', values: '0+100x240'}}
      - {{series: 'auth_login_success_total', values: '0+40x240'}}
      - {{series: 'auth_token_errors_total{{reason="expired"}}', values: '0+2x240'}}
      - {{series: 'auth_token_validation_latency_seconds_count', values: '0+15x240'}}
    alert_rule_test:
      - {{eval_time: 6m45s, alertname: TargetDown, exp_alerts: []}}
      - eval_time: 8m
        alertname: TargetDown
        exp_alerts:
          - exp_labels: {{severity: critical, job: auth-service, instance: a}}
            exp_annotations:
              summary: "auth-service 수집 실패"
              description: "a의 메트릭을 2분 이상 수집하지 못했습니다."
      - eval_time: 20m
        alertname: LowLoginSuccessRatio
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations:
              summary: "로그인 성공률 저하"
              description: "최근 5분간 로그인 성공률이 50% 미만입니다 (현재 40%)."
      - eval_time: 20m
        alertname: HighTokenErrorRatio
        exp_alerts:
          - exp_labels: {{severity: critical}}
            exp_annotations:
              summary: "토큰 오류 비율 급증"
              description: "최근 5분간 토큰 검증 오류 비율이 10%를 초과했습니다 (현재 13.33%)."
      - eval_time: 20m
        alertname: AlertmanagerNotificationsFailing
        exp_alerts:
          - exp_labels: {{severity: critical, integration: slack}}
            exp_annotations:
              summary: "알림 전송 실패 (slack)"
              description: "최근 30분간 slack 알림의 절반 이상이 전송되지 못했습니다."
"""


def test_rules_fire_in_promtool(promtool, tmp_path):
    """Rules of ours fire, with filled-in texts, on series that break them."""
    path = tmp_path / "test.yml"
    path.write_text(RULE_TEST.format(rules=RULES), encoding="utf-8")
    result = run(promtool, "test", "rules", path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_alertmanager_passes_amtool(amtool):
    """amtool accepts the configuration."""
    result = run(amtool, "check-config", MONITORING / "alertmanager.yml")
    assert result.returncode == 0, result.stdout + result.stderr


ROUTES = [  # labels, receivers
    ({"severity": "critical"}, "pagerduty,email"),
    ({"severity": "warning"}, "slack,email"),
    ({"severity": "info"}, "email"),
    ({"alertname": "Watchdog", "severity": "none"}, "dead-mans-switch"),
]


@pytest.mark.parametrize(("labels", "receivers"), ROUTES, ids=[one[1] for one in ROUTES])
def test_routes(amtool, labels, receivers):
    """Critical goes to PagerDuty, warning to Slack, all by email, the Watchdog apart."""
    result = run(
        amtool, "config", "routes", "test",
        f"--config.file={MONITORING / 'alertmanager.yml'}", f"--verify.receivers={receivers}",
        *(f"{name}={value}" for name, value in labels.items()),
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.split() == [receivers]


def test_every_alert_of_ours_is_routed_by_severity(amtool):
    """amtool sends each rule of the file where its severity says."""
    by_severity = {labels.get("severity"): receivers for labels, receivers in ROUTES}
    for rule in rules():
        severity = rule["labels"]["severity"]
        result = run(
            amtool, "config", "routes", "test",
            f"--config.file={MONITORING / 'alertmanager.yml'}",
            f"alertname={rule['alert']}", f"severity={severity}",
        )  # fmt: skip
        assert result.stdout.strip() == by_severity[severity], rule["alert"]


def test_secrets_come_from_files():
    """No key that holds a secret stands in the configuration; their files do."""
    text = (MONITORING / "alertmanager.yml").read_text(encoding="utf-8")
    for key in ("smtp_auth_password", "slack_api_url", "routing_key"):
        assert f"{key}_file:" in text
        assert f"{key}:" not in text


def test_inhibited_alerts_exist():
    """The inhibition names rules that exist, critical over warning."""
    severities = {rule["alert"]: rule["labels"]["severity"] for rule in rules()}
    (inhibition,) = read(MONITORING / "alertmanager.yml")["inhibit_rules"]
    (source,) = inhibition["source_matchers"]
    assert severities[source.split('"')[1]] == "critical"
    targets = inhibition["target_matchers"][1].split('"')[1].split("|")
    assert [severities[name] for name in targets] == ["warning"] * len(targets)
