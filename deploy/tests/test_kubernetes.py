"""The manifests: what Kubernetes takes, and what the server is started with."""

import pathlib
import re

import kubernetes_validate
import pytest
import yaml

DEPLOY = pathlib.Path(__file__).parent.parent
ROOT = DEPLOY.parent
# The oldest version that its authors still mend, and the newest whose schema is known here.
VERSIONS = ["1.33", "1.37"]
# Both are secrets, which are given as files.
SECRETS = ["DATABASE_URL", "MATRIX_SUPPORT_BOT_PASSWORD"]


@pytest.fixture(scope="module")
def objects():
    files = sorted((DEPLOY / "kubernetes").glob("*.yaml"))
    return [it for file in files for it in yaml.safe_load_all(file.read_text())]


@pytest.fixture(scope="module")
def pod(objects):
    return of_kind(objects, "Deployment")["spec"]["template"]["spec"]


def of_kind(objects, kind):
    [found] = [it for it in objects if it["kind"] == kind]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_object(objects, version):
    for it in objects:
        kubernetes_validate.validate(it, version, strict=True)
    wrong = {**of_kind(objects, "Service"), "spec": {"ports": [{"prot": 1}]}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, version, strict=True)


def test_names_that_refer_to_something_are_right(objects, pod):
    labels = of_kind(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    selectors = [
        of_kind(objects, "Deployment")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "Service")["spec"]["selector"],
        of_kind(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
        of_kind(objects, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"],
    ]
    assert selectors == [labels] * 4
    [server] = pod["containers"]
    ports = {port["name"]: port["containerPort"] for port in server["ports"]}
    assert ports == {"http": 8090, "admin": 8091}
    used = [server[f"{kind}Probe"] for kind in ("startup", "liveness", "readiness")]
    assert {probe["httpGet"]["port"] for probe in used} == {"admin"}
    assert of_kind(objects, "Service")["spec"]["ports"][0]["targetPort"] == "http"
    configuration = of_kind(objects, "ConfigMap")["metadata"]["name"]
    assert server["envFrom"] == [{"configMapRef": {"name": configuration}}]


def test_the_pod_has_no_right_that_it_does_not_need(pod):
    [server] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["automountServiceAccountToken"] is False
    assert server["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_the_grace_covers_the_drain(pod):
    [server] = pod["containers"]
    environment = {it["name"]: it["value"] for it in server["env"]}
    drain = int(environment["SUPPORT_CHAT_DRAIN"].removesuffix("s"))
    # The server gives what is under way 20 s.
    assert pod["terminationGracePeriodSeconds"] >= drain + 20


def test_secrets_are_files_alone(objects, pod):
    [server] = pod["containers"]
    environment = {it["name"]: it["value"] for it in server["env"]}
    settings = of_kind(objects, "ConfigMap")["data"]
    [mount] = server["volumeMounts"]
    for name in SECRETS:
        assert environment[f"{name}_FILE"].startswith(mount["mountPath"])
        assert name not in environment and name not in settings
    # The last of three digits are the rights of everybody else.
    [volume] = pod["volumes"]
    assert volume["secret"]["defaultMode"] & 0o007 == 0


def test_every_variable_is_one_of_the_servers(objects, pod):
    documented = (ROOT / "docs/reference/configuration.md").read_text()
    known = set(re.findall(r"(?m)^\| `([A-Z0-9_]+)` \|", documented))
    used = {it["name"].removesuffix("_FILE") for it in pod["containers"][0]["env"]}
    used |= set(of_kind(objects, "ConfigMap")["data"])
    assert used <= known


def test_the_version_is_the_workspaces(pod):
    manifest = (ROOT / "Cargo.toml").read_text()
    version = re.search(r'(?m)^version = "(.*)"$', manifest)[1]
    [server] = pod["containers"]
    assert server["image"].endswith(f":{version}")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert compose["services"]["server"]["image"].endswith(f":{version}}}")
    assert f":{version}\n" in (DEPLOY / "env.example").read_text()
