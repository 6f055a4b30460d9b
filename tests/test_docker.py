"""Check Dockerfile and docker-compose.yml with the real Compose binary and hadolint, without an engine."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from liuyan.settings import PREFIX, Settings, load_settings

ROOT = Path(__file__).parent.parent
SECRETS = {
    "MYSQL_PASSWORD": "0123456789abcdef",
    "LIUYAN_ERASURE_KEY": "fedcba9876543210",
    "LIUYAN_SECRET_KEY": "0123456789abcdef" * 2,
}
LIUYAN_SERVICES = ("setup", "consumer", "api")

pytestmark = pytest.mark.timeout(30)


def compose(folder: Path, *arguments: str, without: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Run docker-compose on a copy in ``folder``, with all secrets except ``without`` in its environment.

    Ignores a `.env` file in the repository.
    """
    shutil.copy(ROOT / "docker-compose.yml", folder)
    secrets = {name: value for name, value in SECRETS.items() if name != without}
    return subprocess.run(
        [program("docker-compose"), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **secrets},
        capture_output=True,
        text=True,
        check=False,
    )


def configured(folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the services as Compose resolves them with these settings in `.env`."""
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    done = compose(folder, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


def program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return configured(tmp_path_factory.mktemp("compose"), {})


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    done = compose(tmp_path, "config", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_missing_secret_is_named(tmp_path: Path, name: str) -> None:
    done = compose(tmp_path, "config", "--quiet", without=name)
    assert done.returncode != 0
    assert f"required variable {name} is missing a value" in done.stderr


def test_services_are_complete(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "mysql", "proxy", *LIUYAN_SERVICES}
    assert services["mysql"]["image"] == "mysql:9.7"


def observability(folder: Path, **settings: str) -> dict[str, Any]:
    """Return the services of the profile, as Compose resolves them with these settings in `.env`."""
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    done = compose(folder, "--profile", "observability", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return {name: service for name, service in services.items() if service.get("profiles") == ["observability"]}


def test_observability_is_a_profile(tmp_path: Path) -> None:
    services = observability(tmp_path)
    assert set(services) == {"prometheus", "alertmanager", "grafana"}
    assert "--storage.tsdb.retention.time=40d" in services["prometheus"]["command"]
    for name, service in services.items():
        assert re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+$", service["image"]), name
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert int(service["mem_limit"]) <= 1024**3, name
        assert {port["host_ip"] for port in service["ports"]} == {"127.0.0.1"}, name
    assert services["grafana"]["image"] == "grafana/grafana:11.6.0"


def test_grafana_has_the_version_of_the_generator() -> None:
    pinned = re.search(r'"grafana-foundation-sdk==[0-9]+!([0-9.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert f"grafana/grafana:{pinned[1]}" in (ROOT / "docker-compose.yml").read_text()


def test_provisioned_files_exist(tmp_path: Path) -> None:
    mounted = [volume for service in observability(tmp_path).values() for volume in service["volumes"]]
    bound = [Path(volume["source"]).relative_to(tmp_path) for volume in mounted if volume["type"] == "bind"]
    assert len(bound) >= 6
    assert all((ROOT / path).exists() for path in bound)
    assert all(volume["read_only"] for volume in mounted if volume["type"] == "bind")
    folders = {volume["target"] for volume in mounted}
    providers = yaml.safe_load((ROOT / "dashboards" / "provisioning" / "dashboards" / "liuyan.yml").read_text())
    assert {provider["options"]["path"] for provider in providers["providers"]} <= folders


def test_grafana_gets_what_its_data_sources_name(tmp_path: Path) -> None:
    text = (ROOT / "dashboards" / "provisioning" / "datasources" / "liuyan.yml").read_text()
    named = set(re.findall(r"\$([A-Z_]{2,})", text))
    environment = observability(tmp_path, GRAFANA_MYSQL_PASSWORD="secret")["grafana"]["environment"]
    assert {name for name in named if environment.get(name)} == named


def test_grafana_refuses_to_start_without_passwords(tmp_path: Path) -> None:
    entrypoint = observability(tmp_path)["grafana"]["entrypoint"]
    command = [part.replace("$$", "$").replace("exec /run.sh", "echo started") for part in entrypoint]
    refused = subprocess.run(command, env={}, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "Set GRAFANA_PASSWORD and GRAFANA_MYSQL_PASSWORD.\n"
    secrets = {"GF_SECURITY_ADMIN_PASSWORD": "a", "GRAFANA_MYSQL_PASSWORD": "b"}
    assert subprocess.run(command, env=secrets, capture_output=True, text=True, check=False).stdout == "started\n"


@pytest.mark.parametrize("url", ["", "https://hooks.example.org/1?a=b&c=$d"])
def test_alerts_are_posted_to_the_webhook_if_there_is_one(tmp_path: Path, url: str) -> None:
    entrypoint = observability(tmp_path)["alertmanager"]["entrypoint"]
    file = tmp_path / "webhook-url"
    command = [
        part.replace("$$", "$").replace("exec /bin/alertmanager", "echo").replace("/tmp/webhook-url", str(file))
        for part in entrypoint
    ]
    environment = {"ALERT_WEBHOOK_URL": url, "PATH": os.environ["PATH"]}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    name = "webhook-alertmanager.yml" if url else "alertmanager.yml"
    assert done.stdout == f"--config.file=/etc/alertmanager/{name} --storage.path=/alertmanager\n"
    assert (file.read_text() if url else file.exists()) == (url or False)
    configuration = yaml.safe_load((ROOT / "dashboards" / "alertmanager" / name).read_text())
    assert configuration["route"]["receiver"] in {receiver["name"] for receiver in configuration["receivers"]}
    assert ("/tmp/webhook-url" in str(configuration)) == bool(url)


def test_kafka_has_the_version_of_the_tests(services: dict[str, Any]) -> None:
    pom = (ROOT / "local_stack" / "pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([0-9.]+)</version>", pom)
    assert version is not None
    assert services["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_consumer_can_be_scaled(services: dict[str, Any]) -> None:
    assert "container_name" not in services["consumer"]
    assert "ports" not in services["consumer"]


def test_ports_are_published_on_loopback_only(services: dict[str, Any]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert len(published) == 2
    assert {port["host_ip"] for port in published} == {"127.0.0.1"}


def test_every_service_has_limits(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert int(service["mem_limit"]) <= 1536 * 1024**2, name
        assert service["restart"] == ("on-failure:5" if name == "setup" else "unless-stopped"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) == (name != "kafka"), name


def test_models_need_no_volume(services: dict[str, Any]) -> None:
    """Artifacts come from the database into a temporary file system, and memory suffices for two models."""
    assert "LIUYAN_CACHE_DIR=/tmp/" in _dockerfile()
    for name in LIUYAN_SERVICES:
        assert [volume["target"] for volume in services[name]["volumes"]] == ["/etc/liuyan"]
        assert services[name]["tmpfs"] == ["/tmp"]
        assert int(services[name]["mem_limit"]) == 1536 * 1024**2


def test_only_the_proxy_reaches_the_api(services: dict[str, Any]) -> None:
    assert "ports" not in services["api"]
    [port] = services["proxy"]["ports"]
    assert port["target"] == 8080
    assert services["proxy"]["image"] == "nginx:1.28.0"
    [config] = services["proxy"]["volumes"]
    assert config["source"].endswith("/deploy/nginx.conf")
    assert (ROOT / "deploy" / "nginx.conf").is_file()
    assert config["read_only"]
    assert services["api"]["environment"]["LIUYAN_TRUSTED_PROXIES"] == "172.16.0.0/12,192.168.0.0/16"


def test_liuyan_services_have_no_capabilities(services: dict[str, Any]) -> None:
    assert all(services[name]["cap_drop"] == ["ALL"] for name in LIUYAN_SERVICES)


def test_services_wait_for_their_dependencies(services: dict[str, Any]) -> None:
    def needs(name: str) -> dict[str, str]:
        return {other: need["condition"] for other, need in services[name]["depends_on"].items()}

    assert needs("setup") == {"kafka": "service_healthy", "mysql": "service_healthy"}
    assert needs("proxy") == {"api": "service_healthy"}
    assert needs("consumer") == needs("api") == {"setup": "service_completed_successfully"}
    assert "healthcheck" in services["kafka"]
    assert "healthcheck" in services["mysql"]


@pytest.mark.parametrize(
    ("secret", "needed_by"),
    [
        ("LIUYAN_ERASURE_KEY", {"consumer"}),
        ("LIUYAN_SECRET_KEY", {"api"}),
        ("LIUYAN_CONTACT_KEY", {"api"}),
        ("LIUYAN_SSO_CLIENT_SECRET", {"api"}),
        ("MYSQL_PASSWORD", {"mysql"}),
        ("GRAFANA_MYSQL_PASSWORD", {"mysql"}),
        ("GRAFANA_PASSWORD", set()),
        ("ALERT_WEBHOOK_URL", set()),
        ("EXTERNAL_DATABASE_URL", set()),
    ],
)
def test_secrets_are_passed_only_where_needed(tmp_path: Path, secret: str, needed_by: set[str]) -> None:
    services = configured(tmp_path, {**SECRETS, "LIUYAN_CONTACT_KEY": "0123456789abcdef" * 2, secret: "1" * 32})
    assert {name for name, service in services.items() if service.get("environment", {}).get(secret)} == needed_by


def test_data_is_stored_in_volumes(services: dict[str, Any]) -> None:
    kept = {name: services[name]["volumes"][0]["type"] for name in ("kafka", "mysql")}
    assert kept == {"kafka": "volume", "mysql": "volume"}


def test_only_known_settings_are_set(services: dict[str, Any]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    in_image = set(re.findall(r"\b(LIUYAN_[A-Z_]+)=", _dockerfile()))
    in_compose = {
        name for service in LIUYAN_SERVICES for name in services[service]["environment"] if name.startswith(PREFIX)
    }
    assert len(in_image | in_compose) >= 6
    assert in_image | in_compose <= known


SECURED = {
    "LIUYAN_KAFKA_SECURITY_PROTOCOL": "sasl_ssl",
    "LIUYAN_KAFKA_SASL_MECHANISM": "PLAIN",
    "LIUYAN_KAFKA_SASL_USERNAME": "liuyan",
    "LIUYAN_KAFKA_SASL_PASSWORD": "a secret",
    "LIUYAN_KAFKA_CA_FILE": "/etc/liuyan/ca.pem",
    "LIUYAN_KAFKA_CERTIFICATE_FILE": "/etc/liuyan/us.pem",
    "LIUYAN_KAFKA_KEY_FILE": "/etc/liuyan/us.key",
}


# Set by Compose itself: the addresses of Kafka and the database, and those that the image's health check requests.
FIXED = {"LIUYAN_KAFKA", "LIUYAN_DATABASE_URL", "LIUYAN_CONSUMER_ADDRESS", "LIUYAN_API_ADDRESS"}
OF_ONE_SERVICE = {"LIUYAN_ERASURE_KEY", "LIUYAN_SECRET_KEY", "LIUYAN_CONTACT_KEY", "LIUYAN_SSO_CLIENT_SECRET"}


def test_every_setting_is_passed_to_liuyan_services(tmp_path: Path) -> None:
    values = {PREFIX + name.upper(): f"/value of/{name}|a,[::1]" for name in Settings.model_fields}
    passed = {name: value for name, value in values.items() if name not in FIXED | OF_ONE_SERVICE}
    assert len(passed) >= 30
    services = configured(tmp_path, values)
    for name in LIUYAN_SERVICES:
        environment = services[name]["environment"]
        assert {key: environment.get(key) for key in passed} == passed, name
    assert services["consumer"]["environment"]["LIUYAN_ERASURE_KEY"]


def test_external_kafka_and_database_are_passed_to_liuyan_services(tmp_path: Path) -> None:
    url = "mysql+aiomysql://liuyan:secret@db.example.org/liuyan?charset=utf8mb4&ssl_ca=/etc/liuyan/mysql-ca.pem"
    given = {**SECURED, "EXTERNAL_KAFKA": "kafka.example.org:9093", "EXTERNAL_DATABASE_URL": url, "TLS_FOLDER": "./tls"}
    secured = configured(tmp_path, given)
    expected = {**SECURED, "LIUYAN_KAFKA": "kafka.example.org:9093", "LIUYAN_DATABASE_URL": url}
    for name in LIUYAN_SERVICES:
        environment = secured[name]["environment"]
        assert {key: environment.get(key) for key in expected} == expected, name
        [folder] = secured[name]["volumes"]
        assert (folder["type"], folder["source"], folder["target"]) == ("bind", str(tmp_path / "tls"), "/etc/liuyan")
        assert folder["read_only"]


def test_example_is_valid_in_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    done = compose(tmp_path, "config", "--format", "json")
    services = json.loads(done.stdout)["services"]
    for name in LIUYAN_SERVICES:
        with monkeypatch.context() as container:
            for key, value in services[name]["environment"].items():
                container.setenv(key, value)
            settings = load_settings()
        assert settings.kafka == "kafka:19092"
        assert settings.consumer_address == settings.api_address == "0.0.0.0:9100"
        assert (settings.erasure_key is not None) == (name == "consumer")
        assert (settings.secret_key is not None) == (name == "api")


def test_unset_settings_keep_their_defaults(services: dict[str, Any]) -> None:
    for name in LIUYAN_SERVICES:
        environment = services[name]["environment"]
        assert environment["LIUYAN_KAFKA"] == "kafka:19092"
        assert environment["LIUYAN_DATABASE_URL"].endswith("@mysql:3306/liuyan?charset=utf8mb4")
        proxies = {"LIUYAN_TRUSTED_PROXIES"} if name == "api" else set()
        assert {key for key in environment if key.startswith(PREFIX)} == FIXED | OF_ONE_SERVICE | proxies


def test_hadolint_reports_nothing() -> None:
    done = subprocess.run([program("hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_image_has_two_stages_and_an_unprivileged_user() -> None:
    stages = _dockerfile().split("\nFROM ")[1:]
    assert len(stages) == 2
    assert re.search(r"^USER 10001$", stages[1], re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", stages[1], re.MULTILINE)
    assert "COPY --from=build /opt/liuyan /opt/liuyan" in stages[1]


def test_image_has_compiled_code_but_no_pytorch() -> None:
    build = _dockerfile().split("\nFROM ")[1]
    assert build.startswith("python:3.11-bookworm AS build")  # with a C compiler
    assert "&& test -e model/native/gru.so" in build
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert not [requirement for requirement in requirements if requirement.startswith("torch")]


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()
