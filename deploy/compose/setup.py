"""Prepares the services of compose.yaml. Run again, it changes nothing that is there.

`files` makes secrets, Synapse's configuration and its identity; `synapse` runs Synapse when Postgres is there; `accounts`
makes the accounts when Synapse is there. Each waits itself, since not every program that runs compose files does.
"""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

SERVER = pathlib.Path("/server")
POSTGRES = pathlib.Path("/postgres")
SYNAPSE = pathlib.Path("/synapse")
DATA = pathlib.Path("/data")
TEMPLATE = pathlib.Path("/compose/homeserver.yaml")
# The accounts that read the files, as their images number them.
OF_SERVER, OF_POSTGRES, OF_SYNAPSE, OF_ROOT = 10001, 999, 991, 0
HOMESERVER = "http://synapse:8008"
BOT = "supportbot"
ADMIN = "admin"
# Longer than Synapse takes to make its tables on a slow machine.
PATIENCE = 300


def write(file, text, owner):
    """Writes a file that its owner alone can read. It is whole, or not there."""
    part = file.with_name(f".{file.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    os.chown(part, owner, owner)
    part.rename(file)


def kept(file, owner):
    """The secret in a file, which is made when it is not there."""
    if not file.exists():
        write(file, secrets.token_hex(32), owner)
    return file.read_text()


def files():
    host = os.environ["MATRIX_HOST"]
    kept(POSTGRES / "superuser", OF_POSTGRES)
    of_server = kept(POSTGRES / "server", OF_POSTGRES)
    of_synapse = kept(POSTGRES / "synapse", OF_POSTGRES)
    url = f"postgres://support_chat:{of_server}@postgres/support_chat"
    write(SERVER / "database-url", url, OF_SERVER)
    kept(SERVER / "bot-password", OF_SERVER)
    for name in ("registration_shared_secret", "macaroon_secret_key", "form_secret"):
        kept(SYNAPSE / name, OF_SYNAPSE)
    kept(SYNAPSE / "admin-password", OF_ROOT)
    write(SYNAPSE / "pgpass", f"*:*:*:*:{of_synapse}\n", OF_SYNAPSE)
    configuration = TEMPLATE.read_text().replace("MATRIX_HOST", host)
    write(SYNAPSE / "homeserver.yaml", configuration, OF_SYNAPSE)
    key = DATA / "signing.key"
    if not key.exists():
        # The homeserver's identity: it is part of a backup.
        made = DATA / ".signing.key.part"
        run("synapse._scripts.generate_signing_key", "--output_file", made)
        os.chown(made, OF_SYNAPSE, OF_SYNAPSE)
        made.rename(key)
    os.chown(DATA, OF_SYNAPSE, OF_SYNAPSE)


def run(module, *arguments, **options):
    subprocess.run([sys.executable, "-m", module, *arguments], check=True, **options)


def ask(path, body=None, token=None, method=None):
    """A request to Synapse: the status, and the answer."""
    request = urllib.request.Request(HOMESERVER + path, method=method)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def expect(path, *args, **options):
    status, answer = ask(path, *args, **options)
    if status not in (200, 201):
        raise SystemExit(f"Synapse answers {path} with {status}: {answer}")
    return answer


def wait_for(what, ask):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return ask()
        except OSError as error:
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} does not get ready: {error}") from None
            time.sleep(1)


def synapse():
    # While it makes its files, it does not listen.
    wait_for("Postgres", lambda: socket.create_connection(("postgres", 5432), 5).close())
    options = ["--config-path", SYNAPSE / "homeserver.yaml"]
    os.execv(sys.executable, [sys.executable, "-m", "synapse.app.homeserver", *options])


def log_in_as_admin():
    password = (SYNAPSE / "admin-password").read_text()
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": ADMIN},
        "password": password,
        # Always the same one, so that none is left behind.
        "device_id": "SETUP",
    }
    status, answer = ask("/_matrix/client/v3/login", body)
    if status == 403:
        register = "synapse._scripts.register_new_matrix_user"
        options = ["--user", ADMIN, "--password-file", "/dev/stdin", "--admin"]
        options += ["--config", SYNAPSE / "homeserver.yaml", HOMESERVER]
        run(register, *options, input=password, text=True, stdout=subprocess.DEVNULL)
        answer = expect("/_matrix/client/v3/login", body)
    return answer["access_token"]


def make_account(token, user, password, displayname):
    """Makes an account if it is not there, and says whether it was not."""
    path = f"/_synapse/admin/v2/users/{user}"
    if ask(path, token=token)[0] == 200:
        return False
    body = {"password": password, "displayname": displayname, "admin": False}
    expect(path, body, token=token, method="PUT")
    return True


def accounts():
    host = os.environ["MATRIX_HOST"]
    staff = os.environ["MATRIX_SUPPORT_STAFF_MXIDS"].replace(" ", "").split(",")
    health = f"{HOMESERVER}/health"
    wait_for("Synapse", lambda: urllib.request.urlopen(health, timeout=5).close())
    token = log_in_as_admin()
    bot = f"@{BOT}:{host}"
    make_account(token, bot, (SERVER / "bot-password").read_text(), "Website chat")
    limits = f"/_synapse/admin/v1/users/{bot}/override_ratelimit"
    expect(limits, {"messages_per_second": 0, "burst_count": 0}, token=token)
    for user in staff:
        if not user.endswith(f":{host}"):
            print(f"{user} has an account elsewhere, and none is made here", flush=True)
            continue
        password = secrets.token_urlsafe(15)
        if make_account(token, user, password, user[1:].partition(":")[0]):
            print(
                f"Staff log in as {user} with the password {password} at https://{host}"
                " (this is printed once; change it in the client)",
                flush=True,
            )
    expect("/_matrix/client/v3/logout", {}, token=token)


if __name__ == "__main__":
    {"files": files, "synapse": synapse, "accounts": accounts}[sys.argv[1]]()
