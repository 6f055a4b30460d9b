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

from liuyan.secret_files import SUFFIX
from liuyan.settings import Settings, load_settings, secret_settings
from liuyan.settings_file import PREFIX

ROOT = Path(__file__).parent.parent
# Which services each secret is mounted into.
SECRETS = {
    "database-url": {"setup", "consumer", "api", "backup"},
    "kafka-password": {"setup", "consumer", "api"},
    "erasure-key": {"consumer"},
    "secret-key": {"api"},
    "contact-key": {"api"},
    "sso-client-secret": {"api"},
    "mysql-password": {"mysql"},
    "grafana-mysql-password": {"mysql", "grafana"},
    "grafana-password": {"grafana"},
    "alert-webhook": {"alertmanager"},
}
OPTIONAL = {"contact-key", "kafka-password", "sso-client-secret", "alert-webhook"}
OBSERVABILITY = ("prometheus", "alertmanager", "grafana")
LIUYAN_SERVICES = ("setup", "consumer", "api")

pytestmark = pytest.mark.timeout(30)


def compose(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run docker-compose on a copy in ``folder``. Ignores a `.env` file in the repository."""
    shutil.copy(ROOT / "docker-compose.yml", folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy", dirs_exist_ok=True)
    return subprocess.run(
        [program("docker-compose"), *arguments],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )


def resolved(folder: Path, settings: Mapping[str, str], *arguments: str) -> dict[str, Any]:
    """Return the whole file as Compose resolves it with these settings in `.env`."""
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    done = compose(folder, *arguments, "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    whole: dict[str, Any] = json.loads(done.stdout)
    return whole


def configured(folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return the services without profiles."""
    services: dict[str, Any] = resolved(folder, settings)["services"]
    return services


def every_service(folder: Path, settings: Mapping[str, str]) -> dict[str, Any]:
    services: dict[str, Any] = resolved(folder, settings, "--profile", "*")["services"]
    return services


def program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return configured(tmp_path_factory.mktemp("compose"), {})


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    done = compose(tmp_path, "config", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_secrets_are_mounted_only_where_needed(tmp_path: Path) -> None:
    whole = resolved(tmp_path, {}, "--profile", "*")
    mounted = {
        name: {one["source"] for one in service.get("secrets", [])} for name, service in whole["services"].items()
    }
    assert {secret: {name for name, all in mounted.items() if secret in all} for secret in whole["secrets"]} == SECRETS
    optional = {name for name, secret in whole["secrets"].items() if secret["file"] == "/dev/null"}
    assert optional == OPTIONAL


def test_no_secret_is_in_an_environment(tmp_path: Path) -> None:
    """Those that an earlier version, or a process outside the containers, has in `.env` do not reach them either."""
    earlier = ("MYSQL_PASSWORD", "EXTERNAL_DATABASE_URL", "GRAFANA_PASSWORD", "GRAFANA_MYSQL_PASSWORD")
    secret = dict.fromkeys((*secret_settings(), *earlier, "ALERT_WEBHOOK_URL"), "a secret")
    for name, service in every_service(tmp_path, secret).items():
        assert "a secret" not in service.get("environment", {}).values(), name


def test_secret_settings_are_read_from_mounted_files(tmp_path: Path) -> None:
    optional = ("contact-key", "kafka-password", "sso-client-secret")
    given = {f"{name.upper().replace('-', '_')}_FILE": f"./secrets/{name}" for name in optional}
    services = every_service(tmp_path, given)
    read: set[str] = set()
    for name in (*LIUYAN_SERVICES, "backup"):
        files = {one["target"] for one in services[name]["secrets"]}
        named = {key: services[name]["environment"].get(key + SUFFIX) for key in secret_settings()}
        assert {path for path in named.values() if path} == files, name
        read |= {key for key, path in named.items() if path}
    assert read == set(secret_settings())


def test_secrets_are_created_once(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('LIUYAN_ERASURE_KEY="the key of an earlier version"\n')
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")

    def create() -> dict[str, str]:
        subprocess.run(["sh", "deploy/create-secrets.sh"], cwd=tmp_path, capture_output=True, check=True)
        return {path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()}

    first = create()
    assert set(first) == set(SECRETS) - OPTIONAL
    assert first["erasure-key"] == "the key of an earlier version\n"
    assert first["mysql-password"].strip() in first["database-url"]
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}
    assert create() == first


def test_secrets_of_an_earlier_version_need_no_question(tmp_path: Path) -> None:
    """Optional ones are used too, and a second run changes nothing."""
    earlier = {
        "MYSQL_PASSWORD": "the database's",
        "EXTERNAL_DATABASE_URL": "mysql+aiomysql://liuyan:p@db/liuyan?charset=utf8mb4",
        "LIUYAN_ERASURE_KEY": "an erasure key, another one",
        "LIUYAN_SECRET_KEY": "a secret key " * 3,
        "LIUYAN_CONTACT_KEY": "a contact key " * 3,
        "LIUYAN_SSO_CLIENT_SECRET": "it's=a\"secret",
        "LIUYAN_KAFKA_SASL_PASSWORD": "the password of Kafka",
        "ALERT_WEBHOOK_URL": "https://alerts.example.org/?a=b",
        "GRAFANA_PASSWORD": "Grafana's",
        "GRAFANA_MYSQL_PASSWORD": "Grafana's in MySQL",
    }
    lines = [f'{name}="{value}"\r\n' for name, value in earlier.items()]
    (tmp_path / ".env").write_text("API_PORT=8001\nexport " + "".join(lines).strip(), newline="")
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    command = ["sh", "deploy/create-secrets.sh"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert set(done.stdout.splitlines()[-1].removeprefix("Remove from .env: ").split()) == set(earlier)
    files = {path.name: path.read_text().rstrip("\n") for path in (tmp_path / "secrets").iterdir()}
    assert set(files) == set(SECRETS)
    assert sorted(files.values()) == sorted(earlier.values())
    # The user removes these lines and starts: each secret is mounted where it was used.
    added = (tmp_path / ".env").read_text().splitlines()
    kept = dict(line.split("=", 1) for line in added if line.split("=")[0].removeprefix("export ") not in earlier)
    assert set(kept) == {"API_PORT", *(f"{name.upper().replace('-', '_')}_FILE" for name in OPTIONAL)}
    whole = resolved(tmp_path, kept, "--profile", "*")
    assert {name: secret["file"] for name, secret in whole["secrets"].items()} == {
        name: str(tmp_path / "secrets" / name) for name in SECRETS
    }
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout == ""


@pytest.mark.parametrize(
    ("server", "networks"),
    [
        ("kafka", {"kafka"}),
        ("mysql", {"database"}),
        ("proxy", {"frontend"}),
        ("setup", {"kafka", "database"}),
        ("consumer", {"kafka", "database", "metrics"}),
        ("api", {"frontend", "kafka", "database", "metrics"}),
        ("backup", {"database"}),
        ("prometheus", {"metrics", "observability"}),
        ("alertmanager", {"observability"}),
        ("grafana", {"database", "observability"}),
    ],
)
def test_services_share_networks_only_where_needed(tmp_path: Path, server: str, networks: set[str]) -> None:
    assert set(every_service(tmp_path, {})[server]["networks"]) == networks


@pytest.mark.parametrize("setting", [{}, {"INTERNAL_NETWORKS": "false"}])
def test_servers_are_on_internal_networks(tmp_path: Path, setting: dict[str, str]) -> None:
    networks = resolved(tmp_path, setting, "--profile", "*")["networks"]
    internal = {name for name, network in networks.items() if network.get("internal")}
    assert internal == ({"metrics"} if setting else {"metrics", "kafka", "database"})


def test_kafka_can_be_published_on_loopback(tmp_path: Path) -> None:
    files = ("--file", "docker-compose.yml", "--file", "deploy/publish-kafka.yml")
    kafka = resolved(tmp_path, {"KAFKA_PORT": "19999"}, *files)["services"]["kafka"]
    assert [(port["host_ip"], port["published"], port["target"]) for port in kafka["ports"]] == [
        ("127.0.0.1", "19999", 9092)
    ]
    assert kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"] == "INSIDE://kafka:19092,OUTSIDE://127.0.0.1:19999"
    assert set(kafka["networks"]) == {"kafka", "published"}


def test_images_have_exact_versions(tmp_path: Path) -> None:
    images = {name: service["image"] for name, service in every_service(tmp_path, {}).items() if "build" not in service}
    stages = re.findall(r"^FROM (\S+:\S+)", _dockerfile(), re.MULTILINE)
    assert len(stages) == 2
    for image in [*images.values(), *stages]:
        assert re.search(r":v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z-]+)?$", image), image


def test_backup_is_written_once(tmp_path: Path) -> None:
    backup = every_service(tmp_path, {})["backup"]
    assert backup["build"]["target"] == "backup"
    assert backup["restart"] == "no"
    assert [(one["source"], one["target"]) for one in backup["volumes"]] == [
        ("no-tls", "/etc/liuyan"),
        ("backups", "/backups"),
    ]
    steps = backup["command"][0].replace("$$", "$").replace("liuyan ", "echo liuyan ")
    done = subprocess.run([*backup["entrypoint"], steps], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"liuyan store backup --by backup /backups/liuyan-[0-9-]{10}T[0-9]{6}Z\.backup\n", done.stdout)
    failed = subprocess.run(
        [*backup["entrypoint"], steps.replace("echo", "false", 1)], capture_output=True, check=False
    )
    assert (failed.returncode, failed.stdout) == (1, b"")


def test_services_are_complete(services: dict[str, Any]) -> None:
    assert set(services) == {"kafka", "mysql", "proxy", *LIUYAN_SERVICES}


def observability(folder: Path, **settings: str) -> dict[str, Any]:
    """Return the services of the profile, as Compose resolves them with these settings in `.env`."""
    return {name: every_service(folder, settings)[name] for name in OBSERVABILITY}


def test_observability_is_a_profile(tmp_path: Path) -> None:
    services = observability(tmp_path)
    assert {name for name, service in services.items() if service["profiles"] == ["observability"]} == {*OBSERVABILITY}
    assert "--storage.tsdb.retention.time=40d" in services["prometheus"]["command"]
    for name, service in services.items():
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
    named = set(re.findall(r"\$([A-Z][A-Z_]+)", text))
    grafana = observability(tmp_path)["grafana"]
    assert {name for name in named if grafana["environment"].get(name)} == named
    files = set(re.findall(r"\$__file\{(/.+)\}", text)) | {grafana["environment"]["GF_SECURITY_ADMIN_PASSWORD__FILE"]}
    assert files == {secret["target"] for secret in grafana["secrets"]}


def test_grafana_refuses_to_start_without_passwords(tmp_path: Path) -> None:
    entrypoint = observability(tmp_path)["grafana"]["entrypoint"]
    command = [
        part.replace("$$", "$").replace("exec /run.sh", "echo started").replace("/run/secrets", str(tmp_path))
        for part in entrypoint
    ]
    (tmp_path / "grafana-password").write_text("a")
    (tmp_path / "grafana-mysql-password").touch()
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "The secret grafana-mysql-password is empty. Run deploy/create-secrets.sh.\n"
    (tmp_path / "grafana-mysql-password").write_text("b")
    assert subprocess.run(command, capture_output=True, text=True, check=False).stdout == "started\n"


@pytest.mark.parametrize("settings", [{}, {"ALERT_WEBHOOK_FILE": "./secrets/alert-webhook"}])
def test_alerts_are_posted_to_the_webhook_if_there_is_one(tmp_path: Path, settings: dict[str, str]) -> None:
    service = observability(tmp_path, **settings)["alertmanager"]
    name = "webhook-alertmanager.yml" if settings else "alertmanager.yml"
    assert service["command"][0] == f"--config.file=/etc/alertmanager/{name}"
    configuration = yaml.safe_load((ROOT / "dashboards" / "alertmanager" / name).read_text())
    assert configuration["route"]["receiver"] in {receiver["name"] for receiver in configuration["receivers"]}
    [secret] = service["secrets"]
    assert (secret["target"] in str(configuration)) == bool(settings)


def test_kafka_has_the_version_of_the_tests(services: dict[str, Any]) -> None:
    pom = (ROOT / "local_stack" / "pom.xml").read_text()
    version = re.search(r"<artifactId>kafka_2.13</artifactId>\s*<version>([0-9.]+)</version>", pom)
    assert version is not None
    assert services["kafka"]["image"] == f"apache/kafka:{version[1]}"


def test_consumer_can_be_scaled(services: dict[str, Any]) -> None:
    assert "container_name" not in services["consumer"]
    assert "ports" not in services["consumer"]


def test_only_the_api_is_published(services: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert [(port["host_ip"], port["target"]) for port in published.pop("proxy")] == [("127.0.0.1", 8080)]
    assert published == {}


def test_every_service_has_limits(services: dict[str, Any]) -> None:
    for name, service in services.items():
        assert int(service["mem_limit"]) <= 1536 * 1024**2, name
        assert service["restart"] == ("on-failure:5" if name == "setup" else "unless-stopped"), name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service.get("read_only", False) == (name != "kafka"), name
        assert service["cap_drop"] == ["ALL"], name
        assert "cap_add" not in service, name


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
    [config] = services["proxy"]["volumes"]
    assert config["source"].endswith("/deploy/nginx.conf")
    assert (ROOT / "deploy" / "nginx.conf").is_file()
    assert config["read_only"]
    assert services["api"]["environment"]["LIUYAN_TRUSTED_PROXIES"] == "172.16.0.0/12,192.168.0.0/16"


def test_mysql_needs_no_root(services: dict[str, Any]) -> None:
    """As root the image would change owner and user, for which it would need capabilities."""
    assert services["mysql"]["user"] == "999:999"


def test_services_wait_for_their_dependencies(services: dict[str, Any]) -> None:
    def needs(name: str) -> dict[str, str]:
        return {other: need["condition"] for other, need in services[name]["depends_on"].items()}

    assert needs("setup") == {"kafka": "service_healthy", "mysql": "service_healthy"}
    assert needs("proxy") == {"api": "service_healthy"}
    assert needs("consumer") == needs("api") == {"setup": "service_completed_successfully"}
    assert "healthcheck" in services["kafka"]
    assert "healthcheck" in services["mysql"]


def test_data_is_stored_in_volumes(services: dict[str, Any]) -> None:
    kept = {name: services[name]["volumes"][0]["type"] for name in ("kafka", "mysql")}
    assert kept == {"kafka": "volume", "mysql": "volume"}


def test_only_known_settings_are_set(services: dict[str, Any]) -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {key + SUFFIX for key in secret_settings()}
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
    "LIUYAN_KAFKA_CA_FILE": "/etc/liuyan/ca.pem",
    "LIUYAN_KAFKA_CERTIFICATE_FILE": "/etc/liuyan/us.pem",
    "LIUYAN_KAFKA_KEY_FILE": "/etc/liuyan/us.key",
}


# Set by Compose itself: the addresses of Kafka and the database, and those that the image's health check requests.
FIXED = {"LIUYAN_KAFKA", "LIUYAN_CACHE_DIR", "LIUYAN_CONSUMER_ADDRESS", "LIUYAN_API_ADDRESS"}


def test_every_setting_reaches_the_containers(tmp_path: Path) -> None:
    values = {PREFIX + name.upper(): f"/value of/{name}|a,[::1]" for name in Settings.model_fields}
    passed = {name: value for name, value in values.items() if name not in {*FIXED, *secret_settings()}}
    assert len(passed) >= 30
    services = every_service(tmp_path, values)
    for name in (*LIUYAN_SERVICES, "backup"):
        environment = services[name]["environment"]
        assert {key: environment.get(key) for key in passed} == passed, name


def test_external_kafka_reaches_the_containers(tmp_path: Path) -> None:
    secured = configured(tmp_path, {**SECURED, "EXTERNAL_KAFKA": "kafka.example.org:9093", "TLS_FOLDER": "./tls"})
    expected = {**SECURED, "LIUYAN_KAFKA": "kafka.example.org:9093"}
    for name in LIUYAN_SERVICES:
        environment = secured[name]["environment"]
        assert {key: environment.get(key) for key in expected} == expected, name
        [folder] = secured[name]["volumes"]
        assert (folder["type"], folder["source"], folder["target"]) == ("bind", str(tmp_path / "tls"), "/etc/liuyan")
        assert folder["read_only"]


def test_example_is_valid_in_the_containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / ".env.example", tmp_path / ".env")
    subprocess.run(["sh", ROOT / "deploy" / "create-secrets.sh", tmp_path / "secrets"], capture_output=True, check=True)
    done = compose(tmp_path, "config", "--format", "json")
    services = json.loads(done.stdout)["services"]
    for name in LIUYAN_SERVICES:
        with monkeypatch.context() as container:
            for key, value in services[name]["environment"].items():
                container.setenv(key, value.replace("/run/secrets", str(tmp_path / "secrets")))
            settings = load_settings()
        assert settings.kafka == "kafka:19092"
        assert settings.consumer_address == settings.api_address == "0.0.0.0:9100"
        assert settings.required_database_url().endswith("@mysql:3306/liuyan?charset=utf8mb4")
        assert (settings.erasure_key is not None) == (name == "consumer")
        assert (settings.secret_key is not None) == (name == "api")


def test_unset_settings_keep_their_defaults(services: dict[str, Any]) -> None:
    for name in LIUYAN_SERVICES:
        environment = services[name]["environment"]
        assert environment["LIUYAN_KAFKA"] == "kafka:19092"
        own = {key for key, value in environment.items() if key.startswith(PREFIX) and value}
        proxies = {"LIUYAN_TRUSTED_PROXIES"} if name == "api" else set()
        files = {key for key in own if key.removesuffix(SUFFIX) in secret_settings()}
        assert own == {*FIXED, *proxies, *files}


def test_hadolint_reports_nothing() -> None:
    done = subprocess.run([program("hadolint"), "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_image_has_two_stages_and_an_unprivileged_user() -> None:
    stages = _dockerfile().split("\nFROM ")[1:]
    assert len(stages) == 3
    assert re.search(r"^USER 10001$", stages[1], re.MULTILINE)
    assert re.search(r"^HEALTHCHECK ", stages[1], re.MULTILINE)
    assert "COPY --from=build /opt/liuyan /opt/liuyan" in stages[1]
    assert stages[2].startswith("liuyan AS backup\n")
    assert re.findall(r"^USER (.+)$", stages[2], re.MULTILINE)[-1] == "10001"


def test_image_has_compiled_code_but_no_pytorch() -> None:
    build = _dockerfile().split("\nFROM ")[1]
    assert build.startswith("python:3.11.14-bookworm AS build")  # with a C compiler
    assert "&& test -e model/native/gru.so" in build
    requirements = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert not [requirement for requirement in requirements if requirement.startswith("torch")]


def _dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()
