"""compose.yaml and what belongs to it, without running them."""

import json
import os
import pathlib
import re
import shutil
import subprocess

import jinja2
import pytest
import yaml

DEPLOY = pathlib.Path(__file__).parent.parent
ROOT = DEPLOY.parent
ROLE = ROOT / "ansible/roles/matrix"


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.skipif(
    not shutil.which("podman") and "CI" not in os.environ, reason="there is no podman"
)
def test_podman_compose_reads_it(tmp_path):
    """With nothing but the example of its variables."""
    shutil.copy(DEPLOY / "compose.yaml", tmp_path)
    shutil.copy(DEPLOY / "env.example", tmp_path / ".env")
    command = ["podman-compose", "config"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "@supportbot:matrix.localhost" in done.stdout
    (tmp_path / ".env").write_text("")
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert "see env.example" in done.stderr + done.stdout


def test_no_service_has_more_rights_than_it_needs(services):
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    assert "cap_add" not in services["server"]
    assert "cap_add" not in services["synapse"]
    assert [name for name, it in services.items() if "ports" in it] == ["caddy"]


def test_images_have_versions_and_synapse_the_roles(services):
    for name, service in services.items():
        assert re.search(r":[v0-9][0-9.]+\}?$", service["image"]), name
    locked = (ROLE / "files/requirements.txt").read_text()
    version = re.search(r"(?m)^matrix-synapse==([0-9.]+)", locked)[1]
    assert services["synapse"]["image"].endswith(f":v{version}")


def test_synapse_is_as_hard_as_the_roles():
    """The two differ in where it listens, and in where files are."""
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters["to_json"] = json.dumps
    environment.filters["bool"] = bool
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    secrets = ["registration_shared_secret", "macaroon_secret_key", "form_secret"]
    variables = {
        **defaults,
        "ansible_managed": "",
        "matrix_server_name": "chat.test",
        "matrix_hostname": "chat.test",
        "matrix_secrets": secrets,
    }
    template = (ROLE / "templates/homeserver.yaml.j2").read_text()
    of_role = yaml.safe_load(environment.from_string(template).render(variables))
    text = (DEPLOY / "compose/homeserver.yaml").read_text()
    ours = yaml.safe_load(text.replace("MATRIX_HOST", "chat.test"))
    listeners = [it.pop("listeners")[0] for it in (of_role, ours)]
    assert listeners[0]["resources"] == listeners[1]["resources"]
    for it in (of_role, ours):
        it.pop("database")
    places = {key for key in ours if key.endswith("_path") or key == "log_config"}
    assert places == {key for key in of_role if key.endswith("_path") or key == "log_config"}
    for key in places:
        ours.pop(key), of_role.pop(key)
    assert ours == of_role


def test_caddy_states_problems_as_the_server_does():
    known = (ROOT / "app/src/contract/problem.rs").read_text().split(";")
    caddyfile = (DEPLOY / "compose/Caddyfile").read_text()
    problems = re.findall(
        r'"title":"(.*?)","status":(\d+),"code":"(.*?)".*` (\d+)\n', caddyfile
    )
    assert len(problems) == 2
    for title, status, code, sent in problems:
        entry = next(entry for entry in known if f'"{code}"' in entry)
        assert f'"{title}"' in entry and status == sent
        # A proxy has its own statuses for an answer that is missing.
        assert status in entry or (code, status) == ("outcome_unknown", "502")


def test_the_example_names_only_variables_that_exist(services):
    example = (DEPLOY / "env.example").read_text()
    names = set(re.findall(r"(?m)^#?([A-Z_]+)=", example))
    used = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    documented = (ROOT / "docs/reference/configuration.md").read_text()
    of_server = set(re.findall(r"(?m)^\| `([A-Z0-9_]+)` \|", documented))
    assert used <= names
    assert names - used <= of_server
