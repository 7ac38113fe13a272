"""compose.yaml, run by podman-compose: from nothing to an answered message.

No registry is reached from here. The server's image is the real one; those of others are replaced by an empty one, in which
this machine's own programs are mounted: Postgres and Caddy from Debian, Synapse from PyPI.
"""

import functools
import http.client
import io
import json
import os
import pathlib
import re
import shutil
import socket
import ssl
import subprocess
import sys
import sysconfig
import tarfile
import time
import urllib.parse

import pytest
import yaml

DEPLOY = pathlib.Path(__file__).parent.parent
PROJECT = "support-chat-test"
CHAT, MATRIX = "chat.localhost", "matrix.localhost"
STAFF = f"@staff:{MATRIX}"
# Nothing here takes this long, however busy the machine is.
PATIENCE = 240
# Accounts as the official images number them.
PASSWD = "root:x:0:0::/:\npostgres:x:999:999::/:\nsynapse:x:991:991::/:\n"
GROUP = "root:x:0:\npostgres:x:999:\nsynapse:x:991:\n"


def wait_for(ask, what):
    """Asks until the answer is true, and gives it."""
    deadline = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.2)
    return answer


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def podman(*words, **options):
    command = ["podman", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def stand_in():
    """An image without a program."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in ("usr", "tmp", "run", "data", "config", "synapse", "etc", "root"):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for path in ("bin", "sbin", "lib", "lib64"):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{path}"
            tar.addfile(entry)
        for path, text in (("etc/passwd", PASSWD), ("etc/group", GROUP)):
            entry = tarfile.TarInfo(path)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    command = ["podman", "import", "--quiet", "-", "localhost/stand-in"]
    subprocess.run(command, check=True, capture_output=True, input=archive.getvalue())


def overriding():
    """What compose.yaml is told differently here: other images, and this machine's programs in them."""
    synapse = pathlib.Path(os.environ["SYNAPSE_ENVIRONMENT"]).resolve()
    base = pathlib.Path(sys.base_prefix)
    postgres = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    caddy = pathlib.Path(os.environ["CADDY"])
    usr = "/usr:/usr:ro"
    python = {
        "image": "localhost/stand-in",
        "environment": {
            "PATH": f"{synapse}/bin:/usr/bin",
            # For psycopg2.
            "PYTHONPATH": sysconfig.get_path("platlib"),
        },
        "volumes": [usr]
        + [f"{path}:{path}:ro" for path in {synapse, base, pathlib.Path(sys.prefix)}],
    }
    return {
        "services": {
            "setup": python,
            "synapse": python,
            "accounts": python,
            "postgres": {
                "image": "localhost/stand-in",
                "entrypoint": ["sh", "/stand_in.sh"],
                "environment": {"PATH": f"{postgres}:/usr/bin:/usr/sbin"},
                "volumes": [usr, f"{DEPLOY}/tests/stand_in.sh:/stand_in.sh:ro"],
            },
            "server": {"image": os.environ["SERVER_IMAGE"]},
            "caddy": {
                "image": "localhost/stand-in",
                "entrypoint": ["/caddy", "run", "--config=/etc/caddy/Caddyfile"],
                "environment": {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/config"},
                "volumes": [usr, f"{caddy}:/caddy:ro"],
            },
        }
    }


class Chat:
    """The running services."""

    def __init__(self, directory):
        self.directory = directory
        self.port = free_port()
        shutil.copy(DEPLOY / "compose.yaml", directory)
        shutil.copytree(DEPLOY / "compose", directory / "compose")
        (directory / "test.yaml").write_text(yaml.safe_dump(overriding()))
        variables = (DEPLOY / "env.example").read_text()
        variables += f"HTTP=127.0.0.1:{free_port()}\nHTTPS=127.0.0.1:{self.port}\n"
        # So that there is one room, and to see that a variable reaches the server.
        variables += "MATRIX_SUPPORT_DESK=off\n"
        (directory / ".env").write_text(variables)

    def compose(self, *words):
        files = ["-f", "compose.yaml", "-f", "test.yaml"]
        command = ["podman-compose", "-p", PROJECT, *files, *words]
        with open(self.directory / "compose.log", "ab") as log:
            options = {"stdout": log, "stderr": log, "stdin": subprocess.DEVNULL}
            subprocess.run(command, check=True, cwd=self.directory, **options)

    def logs(self, service):
        done = podman("logs", self.container(service))
        return done.stdout + done.stderr

    @staticmethod
    def container(service):
        return f"{PROJECT}_{service}_1"

    def request(self, host, method, path, body=None, token=None, key=None):
        """A request through Caddy, whose authority has to be the one in its volume."""
        context = ssl.create_default_context(cafile=self.authority)
        raw = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        connection = http.client.HTTPConnection(host)
        connection.sock = context.wrap_socket(raw, server_hostname=host)
        headers = {"Origin": f"https://{CHAT}"}
        if body is not None:
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        if key:
            headers["Idempotency-Key"] = key
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            kind = answer.headers.get_content_subtype()
            return answer.status, json.loads(text) if "json" in kind else text
        finally:
            connection.close()

    @functools.cached_property
    def authority(self):
        """The certificate of Caddy's authority, when it has made one."""
        inspect = ["volume", "inspect", "--format={{.Mountpoint}}"]
        root = podman(*inspect, f"{PROJECT}_caddy-data").stdout.strip()
        file = pathlib.Path(root, "caddy/pki/authorities/local/root.crt")
        if not file.exists():
            raise FileNotFoundError(file)
        return file

    def is_served(self):
        try:
            return self.request(CHAT, "GET", "/openapi.json")[0] == 200
        except OSError:
            return False


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    stand_in()
    chat = Chat(tmp_path_factory.mktemp("compose"))
    try:
        chat.compose("up", "--detach")
        yield chat
    except Exception:
        print((chat.directory / "compose.log").read_text()[-4000:])
        raise
    finally:
        chat.compose("down", "--volumes", "--timeout=5")


def staff_login(chat):
    pattern = r"Staff log in as (\S+) with the password (\S+) at"
    return re.findall(pattern, chat.logs("accounts"))


def test_a_message_is_answered(chat):
    wait_for(chat.is_served, "the server")
    api = "/v1/support-chat/sessions"
    words = {"initialMessage": "Is anybody there?"}

    def begin():
        """On a busy machine Postgres may answer too late. Once is enough, then: by the key."""
        status, session = chat.request(CHAT, "POST", api, words, key="only-one")
        assert status in (201, 502, 503), session
        return session if status == 201 else None

    session = wait_for(begin, "a conversation")

    [(user, password)] = staff_login(chat)
    assert user == STAFF
    identifier = {"type": "m.id.user", "user": user}
    body = {"type": "m.login.password", "identifier": identifier, "password": password}
    status, staff = chat.request(MATRIX, "POST", "/_matrix/client/v3/login", body)
    assert status == 200, staff
    token = staff["access_token"]

    since = ""

    def is_told(event):
        return words["initialMessage"] in event["content"].get("body", "")

    def find_room():
        """The room with the visitor's words, when it has been joined."""
        nonlocal since
        # Synapse gives the same first answer for two minutes.
        path = f"/_matrix/client/v3/sync?timeout=1000{since}"
        answer = chat.request(MATRIX, "GET", path, token=token)[1]
        since = f"&since={urllib.parse.quote(answer['next_batch'])}"
        rooms = answer.get("rooms", {})
        for room in rooms.get("invite", {}):
            path = f"/_matrix/client/v3/join/{urllib.parse.quote(room)}"
            chat.request(MATRIX, "POST", path, {}, token)
        for room, content in rooms.get("join", {}).items():
            if any(map(is_told, content["timeline"]["events"])):
                return room
        return None

    room = wait_for(find_room, "the conversation")
    path = f"/_matrix/client/v3/rooms/{urllib.parse.quote(room)}/send/m.room.message/1"
    reply = {"msgtype": "m.text", "body": "Yes, I am."}
    assert chat.request(MATRIX, "PUT", path, reply, token)[0] == 200

    def is_answered():
        path = f"{api}/{session['sessionId']}/messages"
        messages = chat.request(CHAT, "GET", path, token=session["token"])[1]
        return any(it["body"] == "Yes, I am." for it in messages["messages"])

    wait_for(is_answered, "the answer")


def test_the_login_is_printed_once(chat):
    assert len(staff_login(chat)) == 1
    podman("start", "--attach", chat.container("accounts"))
    assert len(staff_login(chat)) == 1


def test_only_what_is_meant_for_clients_is_published(chat):
    for path in (
        "/_synapse/admin/v1/server_version",
        "/_matrix/client/../../_synapse/admin/v1/server_version",
        "/_matrix/client/%2e%2e/%2e%2e/_synapse/admin/v1/server_version",
        "/_matrix/federation/v1/version",
        "/health",
    ):
        assert chat.request(MATRIX, "GET", path)[0] == 404, path
    assert chat.request(CHAT, "GET", "/metrics")[0] == 404
    registration = {"username": "anybody", "password": "0123456789abcdef"}
    path = "/_matrix/client/v3/register"
    assert chat.request(MATRIX, "POST", path, registration)[0] in (401, 403)
    status, found = chat.request(MATRIX, "GET", "/.well-known/matrix/client")
    assert (status, found["m.homeserver"]["base_url"]) == (200, f"https://{MATRIX}")
    ports = podman("port", chat.container("server")).stdout
    ports += podman("port", chat.container("postgres")).stdout
    ports += podman("port", chat.container("synapse")).stdout
    assert ports == ""


def test_refusals_are_said_as_the_api_does(chat):
    large = {"initialMessage": "x" * 70_000}
    path = "/v1/support-chat/sessions"
    status, problem = chat.request(CHAT, "POST", path, large)
    assert (status, problem["code"]) == (413, "payload_too_large"), problem
    podman("stop", "--time=30", chat.container("server"))
    status, problem = chat.request(CHAT, "POST", path, {"initialMessage": "Hello"})
    assert (status, problem["code"]) == (502, "outcome_unknown"), problem
    podman("start", chat.container("server"))
    wait_for(chat.is_served, "the server, again")
