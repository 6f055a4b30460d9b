"""The Helm chart: Helm accepts it, and every object that it renders is valid Kubernetes and restricted."""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from liuyan.secret_files import SUFFIX
from liuyan.settings import Settings, load_settings, secret_settings
from liuyan.settings_file import PREFIX
from local_stack.helm import helm

ROOT = Path(__file__).parent.parent.parent
CHART = ROOT / "deploy" / "helm" / "liuyan"
VALUES: list[str | None] = [None, *sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))]
PRODUCTION = "production-values.yaml"
# The oldest and the newest version that the chart is for.
VERSIONS = ("1.27", "1.37")
# The objects that are defined by the operators which read them, and what the chart relies on in them.
DEFINED_ELSEWHERE = {
    ("keda.sh/v1alpha1", "ScaledObject"): ["scaleTargetRef", "minReplicaCount", "maxReplicaCount", "triggers"],
    ("monitoring.coreos.com/v1", "ServiceMonitor"): ["selector", "endpoints", "jobLabel"],
    ("monitoring.coreos.com/v1", "PrometheusRule"): ["groups"],
}
COMPONENTS = {"consumer", "api", "migration", "backup"}
FIXED = {"LIUYAN_KAFKA", "LIUYAN_CONSUMER_ADDRESS", "LIUYAN_API_ADDRESS"}

pytestmark = [pytest.mark.server, pytest.mark.timeout(300)]
Json = dict[str, Any]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([helm(), *arguments], cwd=CHART, capture_output=True, text=True, timeout=60, check=False)


def template(*options: str) -> list[Json]:
    """Return the objects that Helm renders with ``options``."""
    done = run("template", "comments", str(CHART), "--kube-version", VERSIONS[0], *options)
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.safe_load_all(done.stdout) if one is not None]


@cache
def rendered(values: str | None) -> list[Json]:
    return template(*options(values))


def options(values: str | None) -> list[str]:
    return ["--values", f"ci/{values}"] if values else []


def of_kind(kind: str, values: str | None = PRODUCTION) -> dict[str, Json]:
    return {one["metadata"]["name"]: one for one in rendered(values) if one["kind"] == kind}


def pods(values: str | None = PRODUCTION) -> Iterator[tuple[str, Json]]:
    """Yield component and template of every pod."""
    for one in rendered(values):
        spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one.get("spec", {})
        if "template" in spec:
            yield spec["template"]["metadata"]["labels"]["app.kubernetes.io/component"], spec["template"]


def environment(pod: Mapping[str, Any]) -> dict[str, str]:
    [container] = pod["spec"]["containers"]
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names))
    return {one["name"]: one["value"] for one in container["env"]}


@pytest.mark.parametrize("values", VALUES)
def test_helm_accepts_the_chart(values: str | None) -> None:
    done = run("lint", "--strict", str(CHART), *options(values))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stdout


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", VALUES)
def test_every_object_is_valid(values: str | None, version: str) -> None:
    objects = rendered(values)
    assert len(objects) >= 5
    for one in objects:
        required = DEFINED_ELSEWHERE.get((one["apiVersion"], one["kind"]))
        if required is not None:
            assert set(required) <= one["spec"].keys()
        else:
            kubernetes_validate.validate(one, version, strict=True)
    names = [(one["kind"], one["metadata"]["name"]) for one in objects]
    assert len(set(names)) == len(names)


def test_the_page_describes_what_is_rendered(tmp_path: Path) -> None:
    """The values, the secret's keys and the names of objects in docs/kubernetes.md."""
    page = (ROOT / "docs" / "kubernetes.md").read_text()
    [values] = re.findall(r"my-values\.yaml`:\n\n +```\n(.+?) +```", page, re.DOTALL)
    (tmp_path / "my-values.yaml").write_text(values)
    files = ("--values", str(tmp_path / "my-values.yaml"))
    done = run("template", "liuyan", str(CHART), "--kube-version", VERSIONS[0], *files)
    assert done.returncode == 0, done.stderr
    objects = [one for one in yaml.safe_load_all(done.stdout) if one is not None]
    for one in objects:
        kubernetes_validate.validate(one, VERSIONS[1], strict=True)
    rendered = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in objects}
    named = set(re.findall(r"\b(?:deployment|service|job)/[a-z-]+", page))
    assert len(named) >= 3
    assert named <= rendered
    mounted = {
        item["key"]
        for one in objects
        for volume in one["spec"].get("template", {}).get("spec", {}).get("volumes", [])
        if "secret" in volume
        for item in volume["secret"]["items"]
    }
    assert set(re.findall(r"--from-literal=([a-z-]+)=", page)) == mounted


def test_an_invalid_object_is_noticed() -> None:
    deployment = json.loads(json.dumps(of_kind("Deployment")["comments-liuyan-api"]))
    deployment["spec"]["template"]["spec"]["containers"][0]["port"] = 8000
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, VERSIONS[1], strict=True)


@pytest.mark.parametrize("values", VALUES)
def test_pods_are_restricted(values: str | None) -> None:
    for component, pod in pods(values):
        spec, [container] = pod["spec"], pod["spec"]["containers"]
        assert spec["securityContext"]["runAsNonRoot"], component
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, component
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False, component
        assert container["resources"]["limits"]["memory"], component
        assert re.fullmatch(r".+(@sha256:[0-9a-f]{64}|:[0-9]+\.[0-9]+\.[0-9]+)", container["image"]), component


def test_secrets_are_mounted_only_where_needed() -> None:
    expected = {
        "consumer": {"database-url", "erasure-key", "kafka-password"},
        "api": {"database-url", "secret-key", "contact-key", "sso-client-secret", "kafka-password"},
        "migration": {"database-url", "kafka-password"},
        "backup": {"database-url"},
    }
    read: set[str] = set()
    for component, pod in pods():
        [secret] = [volume["secret"] for volume in pod["spec"]["volumes"] if volume["name"] == "secrets"]
        assert secret["secretName"] == "liuyan-secrets"
        assert {item["key"] for item in secret["items"]} == expected.pop(component)
        named = {key: environment(pod).get(key + SUFFIX) for key in secret_settings()}
        paths = {f"/run/secrets/liuyan/{item['path']}" for item in secret["items"]}
        assert {path for path in named.values() if path} == paths
        read |= {key for key, path in named.items() if path}
    assert (expected, read) == ({}, set(secret_settings()))


def test_every_setting_reaches_the_pods(tmp_path: Path) -> None:
    settings = {PREFIX + name.upper() for name in Settings.model_fields} - FIXED - set(secret_settings())
    (tmp_path / "values.yaml").write_text(
        yaml.safe_dump({"settings": {name: f"{name} {{{{x}}}}" for name in settings}})
    )
    for one in template("--values", str(tmp_path / "values.yaml")):
        if one["kind"] == "Deployment":
            passed = environment(one["spec"]["template"])
            assert {name: passed[name] for name in settings} == {name: f"{name} {{{{x}}}}" for name in settings}


def test_settings_of_the_pods_are_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "database-url").write_text("mysql+aiomysql://liuyan:secret@mysql/liuyan")
    for name in ("erasure-key", "secret-key", "contact-key", "sso-client-secret", "kafka-password"):
        (tmp_path / name).write_text("0123456789abcdef" * 2)
    for _, pod in pods():
        with monkeypatch.context() as container:
            for key, value in environment(pod).items():
                container.setenv(key, value.replace("/run/secrets/liuyan", str(tmp_path)))
            settings = load_settings()
        assert (settings.batch_bytes, settings.audit_share, settings.group) == (8_388_608, 0.05, "production")


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("settings.LIUYAN_SECRET_KEY=x", "LIUYAN_SECRET_KEY"),
        ("settings.LIUYAN_DATABASE_URL_FILE=x", "LIUYAN_DATABASE_URL_FILE"),
        ("settings.LIUYAN_KAFKA=x:1", "LIUYAN_KAFKA"),
        ("settings.liuyan_group=x", "liuyan_group"),
        ("kafka=", "kafka"),
        ("consumer.replica=3", "replica"),
        ("consumer.terminationGracePeriodSeconds=5", "terminationGracePeriodSeconds"),
        ("autoscaling.mode=lag", "mode"),
        ("image.digest=sha256:1", "digest"),
        ("secrets.existingSecret=", "existingSecret"),
        ("backup.enabled=true", "Set backup.existingClaim to a PersistentVolumeClaim"),
    ],
)
def test_invalid_values_are_refused(option: str, sentence: str) -> None:
    done = run("template", "comments", str(CHART), "--kube-version", VERSIONS[0], "--set", option)
    assert done.returncode != 0
    assert sentence in done.stderr


def test_schema_refuses_every_secret_as_a_setting() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    names = jsonschema.Draft7Validator(schema["properties"]["settings"]["propertyNames"])
    assert not [name for name in secret_settings() if names.is_valid(name) or names.is_valid(name + SUFFIX)]
    others = {PREFIX + name.upper() for name in Settings.model_fields} - set(secret_settings()) - FIXED
    assert all(names.is_valid(name) for name in others)


def test_schema_describes_every_value() -> None:
    def compare(schema: Json, values: Json, path: str) -> None:
        described = set(schema.get("properties", values))
        assert described - {"global"} == set(values), path
        for name, value in values.items():
            if isinstance(value, dict) and "properties" in schema:
                compare(schema["properties"][name], value, f"{path}.{name}")

    compare(
        json.loads((CHART / "values.schema.json").read_text()), yaml.safe_load((CHART / "values.yaml").read_text()), ""
    )


@pytest.mark.parametrize(
    ("values", "scaler", "fixed"),
    [(None, None, True), (PRODUCTION, "ScaledObject", False), ("hpa-values.yaml", "HorizontalPodAutoscaler", False)],
)
def test_consumers_are_scaled_by_one_of_three(values: str | None, scaler: str | None, fixed: bool) -> None:
    kinds = {one["kind"] for one in rendered(values)} & {"ScaledObject", "HorizontalPodAutoscaler"}
    assert kinds == ({scaler} if scaler else set())
    # Otherwise an upgrade would undo what the scaler has decided.
    assert ("replicas" in of_kind("Deployment", values)["comments-liuyan-consumer"]["spec"]) == fixed
    if scaler:
        [object] = of_kind(scaler, values).values()
        assert object["spec"]["scaleTargetRef"]["name"] == "comments-liuyan-consumer"


def test_keda_reads_the_lag_of_the_group() -> None:
    [scaled] = of_kind("ScaledObject").values()
    [trigger] = scaled["spec"]["triggers"]
    assert trigger["metadata"]["consumerGroup"] == "production"
    assert trigger["metadata"]["bootstrapServers"] == "kafka-1.example.org:9093,kafka-2.example.org:9093"
    assert "topic" not in trigger["metadata"]
    assert trigger["authenticationRef"] == {"name": "liuyan-kafka"}


def test_migration_runs_before_everything_else() -> None:
    [job] = of_kind("Job").values()
    hooks = [one for one in rendered(PRODUCTION) if "helm.sh/hook" in one["metadata"].get("annotations", {})]
    assert {one["metadata"]["annotations"]["helm.sh/hook"] for one in hooks} == {"pre-install,pre-upgrade"}
    order = sorted(hooks, key=lambda one: int(one["metadata"]["annotations"]["helm.sh/hook-weight"]))
    assert [one["kind"] for one in order] == ["NetworkPolicy", "Job"]
    # At that time nothing else of the chart exists.
    assert not [env for env in job["spec"]["template"]["spec"]["containers"][0]["env"] if "valueFrom" in env]
    [container] = job["spec"]["template"]["spec"]["containers"]
    commands = container["args"][0].splitlines()
    assert commands[0] == "liuyan store migrate"
    assert commands[1].startswith("liuyan consumer create-topic --if-missing --partitions 8 --replication-factor 3")


def test_probes_ask_the_health_endpoints() -> None:
    for component, pod in pods():
        [container] = pod["spec"]["containers"]
        if component in ("consumer", "api"):
            paths = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
            assert {kind: probe["path"] for kind, probe in paths.items()} == {
                "startup": "/livez",
                "liveness": "/livez",
                "readiness": "/readyz",
            }
            assert {probe["port"] for probe in paths.values()} == {"metrics"}
            assert {"name": "metrics", "containerPort": 9100} in container["ports"]
            assert pod["spec"]["topologySpreadConstraints"][0]["labelSelector"]["matchLabels"].items() <= (
                pod["metadata"]["labels"].items()
            )


def test_each_pod_has_a_network_policy() -> None:
    policies = {
        policy["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]: policy["spec"]
        for policy in of_kind("NetworkPolicy").values()
    }
    assert set(policies) == {component for component, _ in pods()} == COMPONENTS
    ports = {
        component: {port["port"] for rule in policy["egress"] for port in rule["ports"]}
        for component, policy in policies.items()
    }
    assert ports == {
        "consumer": {53, 3306, 9093},
        "api": {53, 3306, 9093, 443},
        "migration": {53, 3306, 9093},
        "backup": {53, 3306},
    }
    assert [rule["ports"][0]["port"] for rule in policies["api"]["ingress"]] == ["http", "metrics"]
    assert [rule["ports"][0]["port"] for rule in policies["consumer"]["ingress"]] == ["metrics"]
    assert "ingress" not in policies["migration"]
    assert all(policy["policyTypes"] == ["Ingress", "Egress"] for policy in policies.values())


def test_disruption_budgets_cover_both_deployments() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert set(budgets) == set(of_kind("Deployment"))
    for name, budget in budgets.items():
        selected = of_kind("Deployment")[name]["spec"]["selector"]
        assert budget["spec"]["selector"] == selected


def test_prometheus_gets_the_job_names_of_rules_and_dashboards() -> None:
    [monitor] = of_kind("ServiceMonitor").values()
    services = [one for one in of_kind("Service").values() if monitor["spec"]["jobLabel"] in one["metadata"]["labels"]]
    assert {one["metadata"]["labels"]["liuyan-job"] for one in services} == {"liuyan-consumer", "liuyan-api"}
    [rule] = of_kind("PrometheusRule").values()
    assert rule["spec"] == yaml.safe_load((ROOT / "dashboards" / "prometheus" / "rules.yml").read_text())
    assert rule["metadata"]["labels"]["release"] == "prometheus"


def test_dashboards_are_config_maps() -> None:
    maps = of_kind("ConfigMap")
    assert len(maps) == 10
    shipped = {
        f"liuyan-{path.parent.name}-{path.name}": path.read_text() for path in ROOT.glob("dashboards/[ez][nh]/*.json")
    }
    content = {name: text for one in maps.values() for name, text in one["data"].items()}
    assert {name: json.loads(text) for name, text in content.items()} == {
        name: json.loads(text) for name, text in shipped.items()
    }
    assert all(one["metadata"]["labels"]["grafana_dashboard"] == "1" for one in maps.values())


def test_grace_period_covers_what_the_consumer_needs() -> None:
    """Leaving a group is measured in tests/consumer/test_leaving.py; Compose and the chart allow the same time."""
    for component, pod in pods(None):
        if component == "consumer":
            assert pod["spec"]["terminationGracePeriodSeconds"] == 30
