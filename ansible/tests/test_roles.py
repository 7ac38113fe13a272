"""What can be said of the roles without applying them."""

import json
import pathlib
import re
import shutil

import jinja2
import pytest
import yaml
from machine import run

ANSIBLE = pathlib.Path(__file__).parent.parent
PLAYBOOKS = ["site.yml", "backup.yml", "restore.yml", "uninstall.yml"]
UNITS = "etc/systemd/system"
UNIT_KINDS = ("service", "socket", "timer", "path", "mount", "target", "slice")
# System units without which ours cannot be loaded.
SYSTEM_UNITS = {
    "basic.target": "",
    "shutdown.target": "",
    "sysinit.target": "",
    "postgresql.service": "[Service]\nExecStart=/bin/sh\n",
}


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_the_playbooks_can_be_read(environment, logs):
    check = ["ansible-playbook", "--syntax-check"]
    check += ["--inventory", f"inventories/{environment}", *PLAYBOOKS]
    run("the syntax check", logs / "syntax-check.log", *check)


def test_ansible_lint_has_nothing_to_say(logs):
    lint = ["ansible-lint", "--offline", "--nocolor", "-q"]
    run("ansible-lint", logs / "ansible-lint.log", *lint)


def unpinned(text):
    """The first line that would install whatever is the newest."""
    for line in text.splitlines():
        code = line.split("#")[0]
        tag = ":latest" in code or "state: latest" in code
        # A requirement without a version is given as `name>=1` or `name`; with one, its hashes
        # follow.
        loose = ("pip install " in code or "pip:" in code) and not (
            "--require-hashes" in code or "\\" in code
        )
        if tag or loose:
            return line.strip()
    return None


def test_what_is_installed_has_a_version():
    for bad in ["image: synapse:latest", "  state: latest", "pip install synapse"]:
        assert unpinned(f"a: b\n{bad}\n") == bad.strip()
    assert not unpinned("pip install --require-hashes -r x\n# never :latest\n")
    for file in ANSIBLE.rglob("*"):
        if file.is_file() and "tests" not in file.relative_to(ANSIBLE).parts:
            assert not unpinned(file.read_text()), file


def test_the_documented_variables_are_those_that_are_checked(roles):
    for role in roles:
        prefix = role.name.replace("-", "_") + "_"
        # This also finds variables without a value, in a comment.
        defaults = (role / "defaults/main.yml").read_text()
        documented = set(re.findall(rf"(?m)^(?:# )?({prefix}\w*):", defaults))
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())
        checked = set(specs["argument_specs"]["main"].get("options", {}))
        assert documented == checked, role.name


def test_every_role_says_what_it_is_for(roles):
    for role in roles:
        assert (role / "README.md").is_file(), role.name


def test_nginx_states_problems_as_the_server_does():
    """A problem reads the same, whoever answers it. nginx knows some codes under more than one status."""
    known = (ANSIBLE.parent / "app/src/contract/problem.rs").read_text().split(";")
    site = ANSIBLE / "roles/matrix-support-chat/templates/site.conf.j2"
    calls = re.findall(
        r"(?m)^\{\{ problem\((\w+), '(.*?)', '(.*?)'\) \}\}", site.read_text()
    )
    assert len(calls) == 5
    for status, code, title in calls:
        entry = next(entry for entry in known if f'"{code}"' in entry)
        assert f'"{title}"' in entry
        assert status == "status" or status in entry


@pytest.mark.parametrize("directive", [True, False])
@pytest.mark.parametrize("role", ["matrix", "matrix-support-chat"])
def test_an_older_nginx_is_told_of_http2_in_its_own_words(role, directive):
    """Of Debian 12 and Ubuntu 24.04: it refuses the directive, and newer ones warn of the option."""
    environment = jinja2.Environment(trim_blocks=True)
    environment.filters["bool"] = bool
    site = (ANSIBLE / "roles" / role / "templates/site.conf.j2").read_text()
    variables = {"nginx_takes_http2_directive": directive}
    text = environment.from_string(site).render(variables)
    tls = re.findall(r"(?m)^ +listen .*:?443 ssl.*;$", text)
    assert len(tls) == 2
    assert all(line.endswith(" http2;") != directive for line in tls)
    assert (re.search(r"(?m)^ +http2 on;$", text) is not None) == directive


def unit_templates(role):
    templates = sorted(role.glob("templates/*"))
    return [
        template
        for template in templates
        if template.name.removesuffix(".j2").rpartition(".")[2] in UNIT_KINDS
    ]


def verify_units(verify, log, run=run):
    """systemd starts a unit with a malformed line all the same, without what that line says: a warning fails."""
    run("systemd-analyze verify", log, *verify)
    assert log.read_text() == ""


@pytest.fixture(scope="module")
def rendered(roles, logs):
    """Root directories with the units of every role: with nothing but defaults, and with what changes units."""
    directory = logs / "units"
    names = []
    for role in filter(unit_templates, roles):
        borrowed = directory / "roles" / role.name
        (borrowed / "tasks").mkdir(parents=True)
        name = "{{ item | basename | regex_replace('[.]j2$', '') }}"
        render = {"dest": f"{{{{ root }}}}/{UNITS}/{name}", "mode": "0644"}
        task = {
            "name": "Render a unit",
            "ansible.builtin.template": {"src": "{{ item }}", **render},
            "loop": [str(template) for template in unit_templates(role)],
        }
        (borrowed / "tasks/main.yml").write_text(json.dumps([task]))
        for part in ("defaults", "files", "templates", "vars"):
            if (role / part).is_dir():
                (borrowed / part).symlink_to(role / part)
        names.append(role.name)
    play = {"name": "Units", "hosts": "all", "gather_facts": False, "roles": names}
    (directory / "play.json").write_text(json.dumps([play]))
    secret = "0123456789abcdef" * 2
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "root": f"{directory}/{{{{ inventory_hostname }}}}",
        "matrix_server_name": "matrix.test",
        "matrix_registration_shared_secret": secret,
        "matrix_macaroon_secret_key": secret,
        "matrix_form_secret": secret,
        "matrix_support_chat_hostname": "chat.test",
        "matrix_support_chat_bot_mxid": "@supportbot:matrix.test",
        "matrix_support_chat_bot_password": secret,
    }
    options = {
        "matrix_database_host": "database.test",
        "matrix_database_password": secret,
        "matrix_support_chat_canary": True,
        "matrix_support_chat_turnstile_secret_key": secret,
    }
    hosts = {"defaults": {}, "options": options}
    inventory = {"all": {"vars": variables, "hosts": hosts}}
    (directory / "inventory.json").write_text(json.dumps(inventory))
    roots = [directory / host for host in hosts]
    for root in roots:
        (root / UNITS).mkdir(parents=True)
    command = ["env", f"ANSIBLE_ROLES_PATH={directory}/roles", "ansible-playbook"]
    command += ["--inventory", directory / "inventory.json", directory / "play.json"]
    run("rendering the units", logs / "render.log", *command)
    return roots


def test_every_unit_template_is_rendered(roles, rendered):
    templates = [template for role in roles for template in unit_templates(role)]
    expected = {template.name.removesuffix(".j2") for template in templates}
    assert {"postgres-backup@.timer", "matrix-synapse.service"} <= expected
    for root in rendered:
        assert {unit.name for unit in (root / UNITS).iterdir()} == expected


@pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="there is no systemd-analyze here"
)
def test_systemd_reads_the_rendered_units_without_a_warning(rendered, logs):
    for root in rendered:
        units = sorted((root / UNITS).iterdir())
        text = "".join(unit.read_text() for unit in units)
        for program in {"/bin/sh", *re.findall(r"(?m)^Exec\w*=(\S+)", text)}:
            path = root / program.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o755)
        for name, content in SYSTEM_UNITS.items():
            path = root / "usr/lib/systemd/system" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"[Unit]\nDescription=For tests\n{content}")
        verify = ["systemd-analyze", "verify", f"--root={root}", *units]
        verify_units(verify, root.with_suffix(".log"))


def test_a_warning_fails(tmp_path):
    verify_units(["true"], tmp_path / "log")
    with pytest.raises(AssertionError):
        verify_units(["sh", "-c", "echo 'Unknown key' >&2"], tmp_path / "log")
