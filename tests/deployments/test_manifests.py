"""Containers, Kubernetes and systemd: valid by their schemas, whole in their references, and naming what there is."""

import configparser
import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from deployments.server import environment
from deployments.server.__main__ import main, programs
from deployments.server.deploy import deployments
from tasks.core.settings import Settings
from tests.deployments.kustomize import documents, render

FOLDER = Path(environment.__file__).resolve().parents[1]
ROOT = FOLDER.parent
DOCKER, SYSTEMD, KUBERNETES = FOLDER / "docker", FOLDER / "systemd", FOLDER / "kubernetes"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES = COMPOSE["services"]
UNITS = sorted(path for path in SYSTEMD.iterdir() if path.suffix in {".service", ".target"})
KUBECTL = shutil.which("kubectl")
LABELS = 5  # the version of kubectl's kustomize that knows `labels` as we write them, and later ones
KUBERNETES_VERSION = "1.34.0"
PROGRAMS = {program.name for program in programs(environment.Place())}
# Variables that the code reads beside the settings of tasks.core.settings.
OWN = {"TILTH_API_KEY", "TILTH_DATABASE_URL", "TILTH_REDIS_URL", "TILTH_HOST", "TILTH_PORT", "PREFECT_API_URL"}
OWN |= {"TILTH_PUSHGATEWAY", "OTEL_EXPORTER_OTLP_ENDPOINT"}
OWN |= {f"TILTH_{name.upper()}" for name in Settings.model_fields}


# Compose ---------------------------------------------------------------------------------------------------------


def variables(value):
    """Return the variables that a text of the compose file or of the one it extends takes from the environment."""
    return set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", value))


def test_compose_variables_are_those_of_the_example():
    """Each variable that compose wants is in env.example, and none is there that it does not read."""
    wanted = variables((DOCKER / "compose.yaml").read_text()) | variables((FOLDER / "vllm/compose.yaml").read_text())
    given = dict(line.split("=", 1) for line in (DOCKER / "env.example").read_text().splitlines() if "=" in line)
    assert set(given) == wanted


def test_compose_services_are_whole():
    """What a service needs exists, is waited for in the way it can say, and its volumes are declared."""
    for name, service in SERVICES.items():
        assert set(service) & {"image", "extends"}, name
        for needed, how in (service.get("depends_on") or {}).items():
            condition = how["condition"]
            assert condition in {"service_healthy", "service_completed_successfully"}
            assert ("healthcheck" in SERVICES[needed]) is (condition == "service_healthy"), (name, needed)
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"], (name, volume)
        for port in service.get("ports", []):
            assert port.startswith("${TILTH_BIND:-127.0.0.1}"), f"{name} is open to the world"
    assert {"server", "postgres", "redis", "worker-cpu", "worker-gpu", "watcher", "vllm"} <= set(SERVICES)
    used = {volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])}
    assert used == set(COMPOSE["volumes"])


def test_compose_commands_and_variables_are_ours():
    """Each of our services runs a program that `run` knows, with variables that something reads."""
    ours = {name: s for name, s in SERVICES.items() if "tilth" in str(s.get("image"))}
    assert set(ours) == {"server", "deploy", "worker-cpu", "worker-gpu", "watcher"}
    for name, service in ours.items():
        words = service["command"][service["command"].index("deployments.server") + 1 :]
        assert words == (["deploy"] if name == "deploy" else ["run", name])
        assert words == ["deploy"] or words[1] in PROGRAMS
        assert set(service["environment"]) <= OWN | {"VLLM_API_KEY"}, name
        assert "TILTH_API_KEY" in service["environment"]


def test_compose_extends_a_service_that_there_is():
    extended = SERVICES["vllm"]["extends"]
    other = yaml.safe_load((DOCKER / extended["file"]).read_text())
    assert extended["service"] in other["services"]


def merged(value):
    """Return a compose file's value with its variables put in as Docker does, by what the example says."""
    given = dict(line.split("=", 1) for line in (DOCKER / "env.example").read_text().splitlines() if "=" in line)
    text = re.sub(
        r"\$\{([A-Z_]+)(?::?[-?]([^}]*))?\}", lambda found: given.get(found[1]) or found[2] or "", yaml.safe_dump(value)
    )
    return yaml.safe_load(text)


@pytest.mark.parametrize("path", ["docker/compose.yaml", "vllm/compose.yaml"])
def test_compose_file_is_valid_by_the_schema_of_the_specification(path):
    """The JSON Schema of the Compose Specification, as check-jsonschema ships it: an unknown key is an error."""
    shipped = files("check_jsonschema.builtin_schemas.vendor") / "compose-spec.json"
    schema = Draft202012Validator(json.loads(shipped.read_text()))
    value = merged(yaml.safe_load((FOLDER / path).read_text()))
    assert [f"{error.json_path}: {error.message}" for error in schema.iter_errors(value)] == []
    name = next(iter(value["services"]))
    value["services"][name]["restarts"] = "always"
    assert [error.json_path for error in schema.iter_errors(value)] == [f"$.services.{name}"]


@pytest.mark.parametrize("path", ["docker/compose.yaml", "vllm/compose.yaml"])
def test_compose_file_names_no_variable_that_nothing_gives(path):
    """`${NAME}` alone would be empty without a word: each has a default, or says what is missing."""
    bare = re.findall(r"(?<!\$)\$\{([A-Z_]+)\}", (FOLDER / path).read_text())
    asked = re.findall(r"(?<!\$)\$\{([A-Z_]+):\?", (FOLDER / path).read_text())
    assert set(bare) <= set(asked)


def test_image_copies_what_there_is_and_nothing_else():
    """Each COPY of the context exists and passes the ignore file; secrets and data do not get in."""
    text = (DOCKER / "Dockerfile").read_text()
    ignore = (DOCKER / "Dockerfile.dockerignore").read_text().split()
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)]
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists(), source
        assert f"!{source.split('/')[0]}" in ignore
    assert ignore[0] == "*"
    assert re.search(r"^USER tilth$", text, re.MULTILINE)
    extras = re.search(r"-e '\.\[([a-z0-9,]+)\]'", text).group(1).split(",")
    assert set(extras) <= set(pyproject()["optional-dependencies"])


def pyproject():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


# Kubernetes ------------------------------------------------------------------------------------------------------


def rendered(folder):
    """Return the objects that `kubectl apply -k` would send."""
    return render(KUBERNETES / folder)


def unhashed(text):
    """Return what kubectl prints, with the generated ConfigMap's name as it is written."""
    text = re.sub(r"(name: tilth)-[a-z0-9]{10}$", r"\1", text, flags=re.MULTILINE)
    return [value for value in yaml.safe_load_all(text) if value]


PLACES = pytest.mark.parametrize("place", ["base", "overlays/gpu"])
FILES = sorted(path for path in KUBERNETES.rglob("*.yaml") if path.name != "kustomization.yaml")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(KUBERNETES).as_posix())
def test_every_object_is_valid_by_the_schema_of_kubernetes(path):
    """Strictly: a field that Kubernetes does not know is an error."""
    validate = pytest.importorskip("kubernetes_validate").validate
    for value in documents(path):
        validate(value, KUBERNETES_VERSION, strict=True)


@PLACES
def test_what_kustomize_makes_is_valid(place):
    validate = pytest.importorskip("kubernetes_validate").validate
    for value in rendered(place):
        validate(value, KUBERNETES_VERSION, strict=True)


@PLACES
def test_kubectl_renders_the_same(place):
    """What the other tests look at is what kubectl would send, to the last field."""
    version = KUBECTL and subprocess.run([KUBECTL, "version", "--client"], capture_output=True, text=True, check=False)
    found = re.search(r"^Kustomize Version: v(\d+)", version.stdout if version else "", re.MULTILINE)
    if not found or int(found[1]) < LABELS:
        pytest.skip("no kubectl of 2022 or later: apt-get install kubernetes-client, in Debian 13")
    done = subprocess.run([KUBECTL, "kustomize", KUBERNETES / place], capture_output=True, text=True, check=True)

    def by_name(values):
        return {(value["kind"], value["metadata"]["name"]): value for value in values}

    assert by_name(rendered(place)) == by_name(unhashed(done.stdout))


@PLACES
def test_every_file_of_a_kustomization_is_named(place):
    given = yaml.safe_load((KUBERNETES / place / "kustomization.yaml").read_text())["resources"]
    there = {path.name for path in (KUBERNETES / place).glob("*.yaml")} - {"kustomization.yaml"}
    assert {name for name in given if name.endswith(".yaml")} == there


def pods(values):
    """Yield name, kind and pod spec of each workload."""
    for value in values:
        if value["kind"] in {"Deployment", "StatefulSet", "Job"}:
            yield value["metadata"]["name"], value, value["spec"]["template"]


@PLACES
def test_references_of_the_cluster_are_whole(place):
    """Selectors find their pods, services their ports, and pods their claims, config maps and documented secrets."""
    values = rendered(place)
    claims = {v["metadata"]["name"] for v in values if v["kind"] == "PersistentVolumeClaim"}
    maps = {v["metadata"]["name"]: v["data"] for v in values if v["kind"] == "ConfigMap"}
    services = {v["metadata"]["name"]: v["spec"] for v in values if v["kind"] == "Service"}
    said = (KUBERNETES / "base/kustomization.yaml").read_text() + (
        KUBERNETES / place / "kustomization.yaml"
    ).read_text()
    labels = {}
    for name, value, pod in pods(values):
        spec, (container,) = pod["spec"], pod["spec"]["containers"]
        labels[name] = pod["metadata"]["labels"]
        if value["kind"] != "Job":
            assert value["spec"]["selector"]["matchLabels"].items() <= labels[name].items()
        mounted = {volume["name"] for volume in spec.get("volumes", [])}
        mounted |= {claim["metadata"]["name"] for claim in value["spec"].get("volumeClaimTemplates", [])}
        assert {mount["name"] for mount in container.get("volumeMounts", [])} == mounted
        for volume in spec.get("volumes", []):
            assert "persistentVolumeClaim" not in volume or volume["persistentVolumeClaim"]["claimName"] in claims
        for source in container.get("envFrom", []):
            assert source["configMapRef"]["name"] in maps
        for secret in (e["valueFrom"]["secretKeyRef"] for e in container.get("env", []) if "valueFrom" in e):
            assert f"secret generic {secret['name']} " in said
            assert f"--from-literal={secret['key']}=" in said
    for name, service in services.items():
        assert service["selector"].items() <= labels[name].items()
    for text in {str(maps), *(str(pod) for _, _, pod in pods(values))}:
        for host in re.findall(r"(?:@|://)([a-z]+):\d+", text):
            assert host in services, host


@PLACES
def test_containers_of_the_cluster_run_what_there_is(place):
    """Our programs with variables that something reads; pinned images; limits of memory; no privileges, no root."""
    for name, _value, pod in pods(rendered(place)):
        (container,) = pod["spec"]["containers"]
        command, image = container.get("command", []), container["image"]
        if image.startswith("tilth:"):
            words = command[command.index("deployments.server") + 1 :]
            assert words == (["deploy"] if name == "deploy" else ["run", name])
            assert words == ["deploy"] or name in PROGRAMS
            given = {entry["name"] for entry in container["env"]}
            assert given <= OWN | {"POSTGRES_PASSWORD", "VLLM_API_KEY"}, given - OWN
            assert pod["spec"]["securityContext"]["runAsNonRoot"]
        else:
            assert re.search(r":v?\d+\.\d+", image), f"{image} is not pinned"
        assert container["resources"]["limits"]["memory"]
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        # A service's name becomes variables: a service `vllm` would set VLLM_PORT, which vLLM reads as its own.
        assert image.startswith(("postgres", "redis")) or pod["spec"]["enableServiceLinks"] is False
        variables_of = [e for e in container.get("env", []) if "$(" in str(e.get("value"))]
        before = [entry["name"] for entry in container.get("env", [])]
        for entry in variables_of:
            for used in re.findall(r"\$\((\w+)\)", entry["value"]):
                assert before.index(used) < before.index(entry["name"]), "only earlier variables are put in"


def test_settings_of_the_cluster_are_read_by_something():
    for place in ("base", "overlays/gpu"):
        (generated,) = yaml.safe_load((KUBERNETES / place / "kustomization.yaml").read_text())["configMapGenerator"]
        assert {literal.split("=", 1)[0] for literal in generated["literals"]} <= OWN


# systemd ---------------------------------------------------------------------------------------------------------


def unit(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str
    parser.read_string(path.read_text(encoding="utf-8"))
    return parser


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_unit_passes_systemd_analyze(path, tmp_path):
    """systemd's own reader, on units whose programs and user exist here: no word it does not know."""
    analyze = shutil.which("systemd-analyze")
    if not analyze:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    for other in UNITS:
        text = other.read_text().replace("/opt/tilth/.venv/bin/python", "/bin/true").replace("/opt/tilth", "/")
        (tmp_path / other.name).write_text(re.sub(r"^(User|Group)=.*$", "", text, flags=re.MULTILINE))
    name = tmp_path / path.name.replace("@.", "@cpu.")
    if not name.exists():
        shutil.copy(tmp_path / path.name, name)
    command = [analyze, "verify", "--man=no", "--recursive-errors=no", name]
    environ = {"SYSTEMD_UNIT_PATH": f"{tmp_path}:", "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environ)
    assert (done.returncode, [line for line in done.stderr.splitlines() if path.stem.rstrip("@") in line]) == (0, [])


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_unit_starts_a_program_that_there_is(path):
    """`deployments.server run NAME`, restarted when it dies, as a user without privileges, with the settings file."""
    service = unit(path)["Service"]
    name = re.fullmatch(r"/opt/tilth/\.venv/bin/python -m deployments\.server run (\S+)", service["ExecStart"]).group(1)
    assert name.replace("%i", "cpu") in PROGRAMS
    assert (service["User"], service["NoNewPrivileges"]) == ("tilth", "yes")
    assert service["EnvironmentFile"] == "/etc/tilth/tilth.env"
    assert service["Restart"] in {"always", "on-failure"}
    assert unit(path)["Unit"]["PartOf"] == "tilth.target"


POOLS = sorted({spec["work_pool"]["name"] for spec in deployments()})


@pytest.mark.parametrize("pool", POOLS)
def test_every_work_pool_has_a_worker_after_a_reboot(pool):
    """systemd's target wants it; compose and Kubernetes have it, or the file applied first says what else to apply."""
    kind = pool.removeprefix("tilth-")
    assert f"tilth-worker@{kind}.service" in unit(SYSTEMD / "tilth.target")["Unit"]["Wants"].split()
    head = (DOCKER / "compose.yaml").read_text().partition("\nname:")[0]
    for profile in SERVICES[f"worker-{kind}"].get("profiles", []):
        assert f"--profile {profile} up" in head
        assert f"{pool} has no worker then" in head
    named = {path.parent for path in FILES for v in documents(path) if v["metadata"]["name"] == f"worker-{kind}"}
    (place,) = (path.relative_to(ROOT).as_posix() for path in named)
    head = (KUBERNETES / "base/kustomization.yaml").read_text().partition("\napiVersion")[0]
    assert place.endswith("/base") or f"{pool}, whose worker is in the overlay: {place}" in head


def test_target_wants_units_that_there_are():
    wanted = unit(SYSTEMD / "tilth.target")["Unit"]["Wants"].split()
    assert {re.sub(r"@\w+", "@", name) for name in wanted} == {path.name for path in UNITS} - {"tilth.target"}


def test_settings_of_the_services_are_read_by_something():
    lines = [line.lstrip("#") for line in (SYSTEMD / "tilth.env").read_text().splitlines()]
    names = {line.split("=", 1)[0] for line in lines if re.match(r"[A-Z_]+=", line)}
    assert names <= OWN
    assert {"TILTH_HOME", "TILTH_API_KEY", "TILTH_DATABASE_URL", "TILTH_REDIS_URL"} <= names


def test_run_of_an_unknown_program_names_the_choices(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TILTH_HOME", str(tmp_path))
    assert main(["run", "serveur"]) == 2
    assert capsys.readouterr().err == (
        "tilth: unknown program 'serveur'; have: server, worker-cpu, worker-gpu, watcher\n"
    )
