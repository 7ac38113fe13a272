"""The roles, applied to a machine of their own, step by step: what they promise is looked at from outside."""

import concurrent.futures
import json
import os
import pathlib
import secrets
import shlex
import shutil

import machine as machines
import pytest
from deployment import (
    CHAT_DATABASE,
    CHECKSUMS,
    HOMESERVER,
    SITE,
    SYNAPSE,
    Deployment,
    accounts,
    assert_unchanged,
    changed_tasks,
    last_error,
    make_certificates,
)
from machine import run, wait_until
from test_roles import verify_units

HERE = pathlib.Path(__file__).parent
CHAT_UNIT = "matrix-support-chat.service"
CANARY_UNIT = "matrix-support-chat-canary.service"
# The files that the roles install, including dumps of a database that does not exist.
UNITS = [
    CHAT_UNIT,
    CANARY_UNIT,
    "matrix-synapse.service",
    "postgres-backup@any.service",
]
# The highest exposure of a service that `systemd-analyze security` may report, in tenths.
MOST_EXPOSED = "--threshold=20"
CURRENT = "/opt/matrix-support-chat/current"


@pytest.fixture(scope="module")
def authority(logs):
    return make_certificates(logs, logs / "seed")


@pytest.fixture(scope="module")
def machine(logs, authority):
    requirements = HERE.parent / "roles/matrix/files/requirements.txt"
    cache = pathlib.Path(os.environ["ANSIBLE_TEST_CACHE"])
    image = machines.image(cache, logs, requirements)
    machine = machines.Machine(image, logs / "seed", logs)
    yield machine
    machine.stop()


@pytest.fixture(scope="module")
def chat(logs, authority, machine):
    artefact = pathlib.Path(os.environ["ANSIBLE_TEST_ARTEFACT"])
    return Deployment(machine, logs, authority, artefact)


def run_script(machine, name, logs):
    """Runs one of the scripts beside this file in the machine, which must succeed."""
    script = (HERE / name).read_text()
    machine.run(name, logs / f"{name}.log", "python3", "-c", script)


def nginx_is_sound(machine, logs):
    configuration = logs / "nginx.conf"
    configuration.write_text(machine.ask("nginx", "-T"))
    run("gixy", logs / "gixy.log", "gixy", configuration)


def test_bad_variables_are_refused_and_a_rehearsal_passes(chat):
    """All at once, since none of it does anything."""
    altered = chat.altered_artefact("altered", b"altered")
    shutil.copy(chat.artefact.with_name(CHECKSUMS), altered.with_name(CHECKSUMS))
    tag = "matrix-support-chat"
    cases = [
        ("matrix", "matrix_form_secret", "CHANGE-ME"),
        (tag, "matrix_support_chat_hostname", "https://chat.test"),
        (tag, "matrix_support_chat_artefact", str(altered)),
        (tag, "matrix_support_chat_allow_debug", "false"),
        # For its nginx.
        (tag, "matrix_support_chat_tls_certificate", ""),
        # Without its account and token.
        (tag, "matrix_support_chat_canary", "true"),
    ]

    def refusal(role, name, value):
        args = ["--check", "--tags", role, "-e", f'{{"{name}": "{value}"}}']
        return chat.play(f"bad-{name}", "site.yml", *args)

    without_nginx = {
        "matrix_support_chat_nginx": False,
        "matrix_support_chat_tls_certificate": "",
        "matrix_support_chat_tls_certificate_key": "",
        "matrix_support_chat_address": "198.51.100.1",
        "matrix_support_chat_trusted_proxies": ["198.51.100.0/24", "192.0.2.0/24"],
    }
    with concurrent.futures.ThreadPoolExecutor(len(cases) + 2) as pool:
        diff = ["--check", "--diff"]
        rehearsal = pool.submit(chat.succeed, "rehearsal", "site.yml", *diff)
        args = [*diff, "--tags", tag, "-e", json.dumps(without_nginx)]
        other_proxy = pool.submit(chat.succeed, "other-proxy", "site.yml", *args)
        refusals = [pool.submit(refusal, *case) for case in cases]
        rehearsal.result()
        log = other_proxy.result()
        touched = [task for task in changed_tasks(log) if "nginx" in task or "site" in task]
        assert changed_tasks(log) and not touched
        assert "SUPPORT_CHAT_LISTEN=198.51.100.1:8090" in log.replace('"', "")
        for (_, name, value), refused in zip(cases, refusals, strict=True):
            ok, log = refused.result()
            # The artefact of a debug build is refused.
            blamed = name.replace("allow_debug", "artefact")
            assert not ok, f"{name}={value}"
            assert blamed in last_error(log)


def test_the_first_run_succeeds(chat):
    chat.succeed("first-run", "site.yml")


def test_the_second_run_changes_nothing(chat):
    assert_unchanged(chat.succeed("second-run", "site.yml"))


def test_only_the_bot_is_exempt_from_limits(chat):
    sql = "SELECT user_id, messages_per_second, burst_count FROM ratelimit_override"
    assert chat.query("matrix_synapse", sql) == "@supportbot:matrix.test|0|0"


def assert_federation(machine, status):
    for path in [
        "/_matrix/key/v2/server",
        "/_matrix/federation/v1/version",
        "/.well-known/matrix/server",
    ]:
        assert machine.http("GET", HOMESERVER + path)[0] == status, path


def test_federation_and_retention_are_as_configured(machine, chat):
    assert_federation(machine, 200)
    said = machine.ask("journalctl", "--unit=matrix-synapse.service", "--output=cat")
    assert "Setting up purge job" in said


def test_nginx_is_sound(machine, chat, logs):
    nginx_is_sound(machine, logs)


def test_nginx_tells_what_is_known_of_a_server_that_fails(machine, chat, logs):
    """A script takes the place of the server."""
    machine.ask("systemctl", "stop", CHAT_UNIT)
    run_script(machine, "nginx.py", logs)
    machine.ask("systemctl", "start", CHAT_UNIT)
    chat.wait_until_ready()


def test_an_upgrade_under_load_loses_nothing_and_changes_what_it_should(machine, chat):
    of_bob = secrets.token_hex(24)
    changes = {
        "matrix_federation": False,
        "matrix_message_retention": "",
        "matrix_auto_accept_invites": True,
        "matrix_staff_accounts": accounts(chat.staff_password, of_bob),
        "matrix_reset_passwords": ["bob"],
        "matrix_support_chat_artefact": str(
            chat.altered_artefact("another-build", b"another build")
        ),
        "matrix_support_chat_bot_password": "",
        "matrix_support_chat_bot_access_token": chat.token(
            "supportbot", chat.bot_password
        ),
        # This is the setting for a homeserver on another host.
        "matrix_support_chat_homeserver_url": HOMESERVER,
        "matrix_support_chat_canary": True,
        "matrix_support_chat_canary_mxid": "@canary:matrix.test",
        "matrix_support_chat_canary_access_token": chat.token(
            "canary", chat.staff_password
        ),
        "matrix_support_chat_settings": {
            "SUPPORT_CHAT_RETENTION": "90days",
            "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0",
        },
    }
    inventory = chat.changed_inventory(changes)
    script = chat.logs / "upgrade"
    play = ["ansible-playbook", "--inventory", str(inventory), "site.yml"]
    script.write_text(
        f"#!/bin/sh\ncd {shlex.quote(str(HERE.parent))}\n"
        f"exec {shlex.join(play)} >{shlex.quote(str(chat.logs / 'upgrade.log'))} 2>&1\n"
    )
    script.chmod(0o700)
    chat.smoke_test("--project=upgrade", SMOKE_UPGRADE=str(script))
    chat.inventory = inventory

    assert_federation(machine, 404)
    chat.wait_until_ready()
    kept = machine.ask("ls", "/etc/matrix-support-chat/secrets")
    assert "PASSWORD" not in kept
    assert "MATRIX_SUPPORT_BOT_ACCESS_TOKEN" in kept
    chat.token("bob", of_bob)
    assert chat.log_in("bob", chat.staff_password)[0] == 403


def test_staff_join_by_themselves(machine, chat):
    """That is `matrix_auto_accept_invites`."""
    token = chat.token("alice", chat.staff_password)

    def rooms():
        url = f"{SYNAPSE}/_matrix/client/v3/joined_rooms"
        return len(machine.http("GET", url, token)[1]["joined_rooms"])

    before = rooms()
    body = {"initialMessage": "Is anybody there?"}
    url = f"{SITE}/v1/support-chat/sessions"
    assert machine.http("POST", url, body=body)[0] == 201
    assert wait_until(lambda: rooms() > before)


def test_the_canary_comes_back_and_node_exporter_shows_it(machine, chat, logs):
    machine.ask("systemctl", "is-active", "matrix-support-chat-canary.timer")
    machine.ask(
        "sh",
        "-c",
        f"systemctl start {CANARY_UNIT} || "
        f"{{ journalctl --unit {CANARY_UNIT} --output=cat; exit 1; }}",
    )
    apt_get = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y"]
    apt_get += ["--no-install-recommends", "prometheus-node-exporter"]
    machine.run("installing node_exporter", logs / "node-exporter.log", *apt_get)
    fetch = (
        "import urllib.request as r; "
        "print(r.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
    )

    def is_shown():
        try:
            metrics = machine.ask("python3", "-c", fetch)
        except machines.Failed:
            return False
        return "\nsupport_chat_canary_success 1\n" in metrics

    assert wait_until(is_shown)
    assert_unchanged(chat.succeed("canary-again", "site.yml", "--tags=canary"))


def test_the_installed_units_are_well_formed(machine, chat, logs):
    """As they were installed, timers included."""
    find = ["find", "/etc/systemd/system", "-maxdepth", "1", "-type", "f"]
    installed = machine.ask(*find).splitlines()
    names = {pathlib.Path(unit).name for unit in installed}
    assert {unit.replace("@any", "@") for unit in UNITS} <= names
    verify = ["systemd-analyze", "verify", "--recursive-errors=no", *installed]
    verify_units(verify, logs / "verify-units.log", machine.run)


def test_systemd_restarts_a_server_that_stands_still(machine, chat):
    """A server that is stopped sends systemd no more signs of life."""

    def restarts():
        show = ["show", "--value", "--property=NRestarts", CHAT_UNIT]
        return machine.ask("systemctl", *show)

    machine.ask("systemctl", "is-active", CHAT_UNIT)
    before = restarts()
    machine.ask("systemctl", "kill", "--signal=STOP", "--kill-whom=main", CHAT_UNIT)
    # After `WatchdogSec`.
    assert wait_until(lambda: restarts() != before)
    chat.wait_until_ready()


def test_sandboxes_are_tight_and_secrets_are_for_root_alone(machine, chat, logs):
    for unit in UNITS:
        analyze = ["systemd-analyze", "security", "--no-pager", MOST_EXPOSED, unit]
        machine.run(f"security of {unit}", logs / f"security-{unit}.log", *analyze)
    find = ["find", "/etc/matrix-support-chat/secrets", "/etc/matrix-synapse/secrets"]
    find += ["-type", "f", "(", "!", "-perm", "0400", "-o", "!", "-user", "root", ")"]
    assert machine.ask(*find) == ""


def test_nginx_is_sound_after_the_upgrade(machine, chat, logs):
    nginx_is_sound(machine, logs)
    run_script(machine, "refusals.py", logs)


def test_the_deployment_is_hardened(chat):
    """This uses up what the address may ask for."""
    chat.smoke_test("--project=hardening", "--no-deps")


def test_a_broken_upgrade_goes_back(machine, chat):
    """A release passes its own check of the settings, and then serves nothing."""
    broken = chat.artefact_with(
        "broken", b'#!/bin/sh\ntest "$1" = --check-config || exec sleep 1000\n'
    )
    before = machine.ask("readlink", CURRENT)
    args = ["--tags=release", "-e", f"matrix_support_chat_artefact={broken}"]
    args += ["-e", "matrix_support_chat_ready_seconds=2"]
    ok, log = chat.play("broken-upgrade", "site.yml", *args)
    assert not ok
    assert "The release before is back and ready." in log
    assert machine.ask("readlink", CURRENT) == before
    chat.wait_until_ready()


def test_a_backup_can_be_restored(machine, chat):
    """What was there at the time of the dump is there again, and what came later is not."""
    count = "SELECT count(*) FROM messages"
    chat.succeed("backup", "backup.yml")
    before = chat.query(CHAT_DATABASE, count)
    assert before != "0", "nothing was stored, so nothing can be restored"
    chat.query(CHAT_DATABASE, "TRUNCATE sessions CASCADE")
    dumps = "ls /var/backups/postgresql/matrix_support_chat-*.dump | tail -n 1"
    dump = machine.ask("sh", "-c", dumps).strip()
    database = ["-e", f"postgres_restore_database={CHAT_DATABASE}"]
    file = ["-e", f"postgres_restore_file={dump}"]
    chat.succeed("restore", "restore.yml", *database, *file)
    assert chat.query(CHAT_DATABASE, count) == before
    chat.wait_until_ready()


def test_uninstalling_leaves_nothing(machine, chat):
    everything = ["-e", '{"matrix_support_chat_uninstall_database": true}']
    chat.succeed("uninstall", "uninstall.yml", *everything)
    left = machine.ask(
        "sh",
        "-c",
        "find /etc /opt /var/lib /run -name '*matrix?support?chat*' "
        "! -path '*/systemd/timers/*' ! -path '/run/systemd/*'; "
        "getent passwd matrix-support-chat || true",
    )
    assert left == ""
    assert_unchanged(chat.succeed("uninstall-again", "uninstall.yml", *everything))


def test_a_change_is_noticed_and_named():
    log = (
        "TASK [a] ***\nok: [m]\nTASK [b] ***\nchanged: [m] => (item=1)\nchanged: [m]\n"
        "PLAY RECAP ***\nm : ok=2 changed=1 failed=0\n"
    )
    assert changed_tasks(log) == ["TASK [b]"]
    with pytest.raises(AssertionError):
        assert_unchanged(log)
    with pytest.raises(AssertionError):
        assert_unchanged("nothing ran")
    assert_unchanged("PLAY RECAP ***\nm : ok=2 changed=0 failed=0\n")
