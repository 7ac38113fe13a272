"""The roles, applied to a machine: its inventory, its certificates, and runs of the playbooks."""

import copy
import hashlib
import json
import os
import pathlib
import re
import secrets
import tempfile

from machine import Failed, run

SITE = "https://chat.test"
HOMESERVER = "https://matrix.test"
# Connects to Synapse directly, not through nginx.
SYNAPSE = "http://127.0.0.1:8008"
CHAT_DATABASE = "matrix_support_chat"
CHECKSUMS = "SHA256SUMS"


def make_certificates(logs, seed):
    """Makes a certificate for the machine's two sites, and gives the authority that vouches for it."""
    tls = seed / "etc/tls"
    tls.mkdir(parents=True)
    authority, key = logs / "authority.pem", logs / "authority.key"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-noenc", "-days", "2"]
    new += ["-pkeyopt", "ec_paramgen_curve:P-256"]
    sign = ["-subj", "/CN=An authority for tests", "-keyout", key, "-out", authority]
    sign += ["-addext", "keyUsage=critical,keyCertSign"]
    run("making an authority", logs / "openssl.log", *new, *sign)
    certificate = tls / "site.pem"
    site = ["-subj", "/CN=chat.test", "-CA", authority, "-CAkey", key]
    site += ["-addext", "subjectAltName=DNS:chat.test,DNS:matrix.test"]
    site += ["-addext", "basicConstraints=critical,CA:FALSE"]
    site += ["-keyout", tls / "site.key", "-out", certificate]
    run("making a certificate", logs / "openssl.log", *new, *site)
    # The machine's trust store, because the canary connects through nginx.
    trusted = seed / "etc/ssl/certs/ca-certificates.crt"
    trusted.parent.mkdir(parents=True)
    trusted.write_text(authority.read_text())
    # The file contains the chain, so that Chromium can be told to trust the authority.
    certificate.write_text(certificate.read_text() + authority.read_text())
    return authority


def accounts(password, of_bob):
    """The accounts beside the bot: one of the staff may have another password than the rest."""
    passwords = {"alice": password, "bob": of_bob, "canary": password}
    return [
        {"name": name, "displayname": name, "password": password}
        for name, password in passwords.items()
    ]


class Deployment:
    """A machine to which the roles are applied."""

    def __init__(self, machine, logs, authority, artefact):
        self.machine = machine
        self.logs = logs
        self.authority = authority
        self.artefact = artefact
        self.bot_password = secrets.token_hex(24)
        self.staff_password = secrets.token_hex(24)
        self.variables = self._variables()
        self.inventory = self._write_inventory("inventory.json", self.variables)

    def _variables(self):
        """Every variable that the roles require, and some options."""
        # Socket paths must be short, and the repository's path may be long.
        sockets = pathlib.Path(tempfile.gettempdir()) / f"sc-{os.getpid()}-%C"
        known = self.logs / "known-hosts"
        return {
            "ansible_host": "127.0.0.1",
            "ansible_user": "root",
            "ansible_ssh_private_key_file": str(self.machine.ssh_key),
            # Compression would cost more here than it saves.
            "ansible_ssh_args": "-o ControlMaster=auto -o ControlPersist=60s",
            "ansible_ssh_common_args": f"-o UserKnownHostsFile={known} "
            f"-o StrictHostKeyChecking=accept-new -o ControlPath={sockets}",
            "matrix_server_name": "matrix.test",
            "matrix_tls_certificate": "/etc/tls/site.pem",
            "matrix_tls_certificate_key": "/etc/tls/site.key",
            "matrix_registration_shared_secret": secrets.token_hex(24),
            "matrix_macaroon_secret_key": secrets.token_hex(24),
            "matrix_form_secret": secrets.token_hex(24),
            "matrix_admin_password": secrets.token_hex(24),
            "matrix_bot_password": self.bot_password,
            "matrix_staff_accounts": accounts(self.staff_password, self.staff_password),
            "matrix_federation": True,
            "matrix_message_retention": "365d",
            "matrix_support_chat_hostname": "chat.test",
            "matrix_support_chat_tls_certificate": "/etc/tls/site.pem",
            "matrix_support_chat_tls_certificate_key": "/etc/tls/site.key",
            "matrix_support_chat_artefact": str(self.artefact),
            # An optimised build takes many minutes, and does not differ in anything that is checked
            # here.
            "matrix_support_chat_allow_debug": True,
            "matrix_support_chat_bot_mxid": "@supportbot:matrix.test",
            "matrix_support_chat_bot_password": self.bot_password,
            "matrix_support_chat_staff_mxids": [
                "@alice:matrix.test",
                "@bob:matrix.test",
            ],
            "matrix_support_chat_allowed_origins": [SITE],
            # How long to wait for readiness on a busy machine.
            "matrix_support_chat_ready_seconds": 300,
            # The visitors of the load test write faster than people.
            "matrix_support_chat_settings": {
                "SUPPORT_CHAT_MESSAGES_PER_SESSION_PER_MINUTE": "0"
            },
        }

    def _write_inventory(self, name, variables):
        groups = ("matrix", "matrix_support_chat")
        children = {group: {"hosts": {"machine": {}}} for group in groups}
        file = self.logs / name
        file.touch(mode=0o600)
        file.write_text(json.dumps({"all": {"vars": variables, "children": children}}))
        return file

    def changed_inventory(self, changes):
        """The same machine after some variables have been changed, as another inventory."""
        variables = {**copy.deepcopy(self.variables), **changes}
        return self._write_inventory("changed-inventory.json", variables)

    def play(self, name, playbook, *args):
        """Runs a playbook; gives whether it succeeded, and its log."""
        command = ["ansible-playbook", "--inventory", self.inventory, playbook, *args]
        log = self.logs / f"{name}.log"
        ok = run(name, log, *self.machine.beside(*command), check=False)
        return ok, log.read_text()

    def succeed(self, name, playbook, *args):
        """Runs a playbook that must succeed, and gives its log."""
        ok, log = self.play(name, playbook, *args)
        if not ok:
            raise Failed(f"{name}: {last_error(log)}")
        return log

    def smoke_test(self, *args, **environment):
        """Runs the staging smoke test in the machine's network."""
        environment |= {
            "BASE_URL": SITE,
            "SMOKE_HOMESERVER": HOMESERVER,
            "SMOKE_BOT": "@supportbot:matrix.test",
            "SMOKE_BOT_PASSWORD": self.bot_password,
            "SMOKE_STAFF": "@alice:matrix.test",
            "SMOKE_STAFF_PASSWORD": self.staff_password,
            "SMOKE_MAY_FLOOD": "yes",
            "SMOKE_CA": str(self.authority),
            "NODE_EXTRA_CA_CERTS": str(self.authority),
        }
        test = ["npx", "playwright", "test", "--config=smoke.config.ts", *args]
        end2end = pathlib.Path(__file__).parents[2] / "end2end"
        options = {"cwd": end2end, "env": {**os.environ, **environment}}
        log = self.logs / "smoke.log"
        run("the smoke test", log, *self.machine.beside(*test), **options)

    def artefact_with(self, directory, content):
        """A file named as the artefact, with its checksums, in a directory of its own."""
        file = self.logs / directory / self.artefact.name
        file.parent.mkdir()
        file.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        (file.parent / CHECKSUMS).write_text(f"{digest}  {file.name}\n")
        return file

    def altered_artefact(self, directory, end):
        """The artefact with something after its end, which changes nothing of what it does."""
        return self.artefact_with(directory, self.artefact.read_bytes() + end)

    def log_in(self, user, password):
        identifier = {"type": "m.id.user", "user": user}
        body = {"type": "m.login.password", "identifier": identifier}
        url = f"{SYNAPSE}/_matrix/client/v3/login"
        return self.machine.http("POST", url, body={**body, "password": password})

    def token(self, user, password):
        status, answer = self.log_in(user, password)
        assert status == 200, answer
        return answer["access_token"]

    def query(self, database, sql):
        psql = ["runuser", "--user=postgres", "--", "psql", "-XAtqc", sql, database]
        return self.machine.ask(*psql).strip()

    def wait_until_ready(self):
        """The server may take a moment to connect to its database again."""
        ask = (
            "import time, urllib.request as r\n"
            "for i in range(60):\n"
            "  try: r.urlopen('http://127.0.0.1:8091/readyz', timeout=5); break\n"
            "  except OSError: time.sleep(1)\n"
            "else: raise SystemExit(1)"
        )
        self.machine.ask("python3", "-c", ask)


def last_error(log):
    """What Ansible said of the task that failed."""
    start = max(log.rfind("[ERROR]"), log.rfind("fatal:"), 0)
    return log[start:].split("PLAY RECAP")[0].strip()


def changed_tasks(log):
    task, changed = "", []
    for line in log.splitlines():
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            task = line.rstrip("* ")
        elif line.startswith("changed:") and task not in changed[-1:]:
            changed.append(task)
    return changed


def assert_unchanged(log):
    """A run must say that it changed nothing on any host."""
    recap = log.rpartition("PLAY RECAP")[2]
    hosts = re.findall(r"changed=(\d+)", recap)
    assert hosts and set(hosts) == {"0"}, changed_tasks(log)

