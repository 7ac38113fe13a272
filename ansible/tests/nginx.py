# What nginx does when the server behind it fails, refuses early or is not there: nginx.py
# Runs in the machine, as root, while the chat is stopped: this script takes the chat's port and plays the server.
# It prints a line for each expectation that does not hold, and exits with 1 if there is one.
import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

SITE = "chat.test"
SERVER = ("127.0.0.1", 8090)
PATH = "/v1/support-chat/sessions"
UNKNOWN = "outcome_unknown"
# Longer than any timeout in nginx's configuration.
PATIENCE = 60

failures = []


def expect(what, got, wanted):
    if got != wanted:
        failures.append(f"{what}: expected {wanted!r}, got {got!r}")


class Server:
    """A server of which each request, by its number, is answered as `answer(connection, number)` says."""

    def __init__(self, answer, backlog=128):
        self.answer = answer
        self.requests = 0
        self.connections = []
        self.lock = threading.Lock()
        self.socket = socket.create_server(SERVER, backlog=backlog)

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        # This wakes the thread that waits in `accept`; closing alone does not.
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.close_connections()

    def close_connections(self):
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # It is closed already.

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        with connection:
            while True:
                try:
                    head = read_head(connection)
                    if not head:
                        return
                    with self.lock:
                        self.requests += 1
                        number = self.requests
                    if not self.answer(connection, head, number):
                        return
                except OSError:
                    return


def read_head(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        received = connection.recv(1)
        if not received:
            return b""
        data += received
    return data


def read_body(connection, head):
    left = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            left = int(line.split(b":")[1])
    while left > 0:
        received = connection.recv(left)
        if not received:
            return
        left -= len(received)


def serves(connection, head, _):
    read_body(connection, head)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    return True


def dies(connection, head, _):
    read_body(connection, head)
    return False


def dies_while_it_answers(connection, head, _):
    read_body(connection, head)
    connection.sendall(b"HTTP/1.1 201 Created\r\nContent-Le")
    return False


def serves_once_for_each_connection():
    """The second request on a connection is read, and then the connection closed."""
    seen = set()

    def answer(connection, head, number):
        if connection in seen:
            return dies(connection, head, number)
        seen.add(connection)
        return serves(connection, head, number)

    return answer


def refuses_without_reading(connection, head, _):
    """What the API says to a bad token: at once, with the body drained and then thrown away."""
    body = b'{"code":"invalid_token"}'
    answer = b"HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
    connection.sendall(answer % (len(body), body))
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass
    return False


def connect(source=None):
    kwargs = {"source_address": (source, 0)} if source else {}
    host = "::1" if source and ":" in source else SITE
    connection = http.client.HTTPSConnection(
        host, timeout=PATIENCE, context=ssl.create_default_context(), **kwargs
    )
    if source:
        # The address is the machine's, and the certificate is for the name.
        raw = socket.create_connection((host, 443), PATIENCE, (source, 0))
        context = ssl.create_default_context()
        connection.sock = context.wrap_socket(raw, server_hostname=SITE)
    return connection


def ask(method="POST", body=b"{}", connection=None, more=()):
    connection = connection or connect()
    headers = {"Host": SITE, "Origin": "https://" + SITE, **dict(more)}
    connection.request(method, PATH, body if method == "POST" else None, headers)
    answer = connection.getresponse()
    return answer, answer.read()


def is_problem(what, asked, status, code):
    answer, body = asked
    expect(f"{what}: status", answer.status, status)
    expect(f"{what}: type", answer.getheader("Content-Type"), "application/problem+json")
    try:
        problem = json.loads(body)
    except ValueError:
        problem = {}
    expect(f"{what}: code", problem.get("code"), code)
    expect(f"{what}: status in the problem", problem.get("status"), status)
    expect(f"{what}: id", problem.get("requestId"), answer.getheader("X-Request-Id"))
    expect(f"{what}: not stored", answer.getheader("Cache-Control"), "no-store")
    if status >= 429:
        expect(f"{what}: when to come back", answer.getheader("Retry-After"), "2")
    if status > 400:
        allowed = answer.getheader("Access-Control-Allow-Origin")
        expect(f"{what}: its page may read it", allowed, "https://" + SITE)


def nobody_is_there():
    for method in ["POST", "GET"]:
        is_problem(f"{method}, no server", ask(method), 503, "relay_unavailable")


def nobody_accepts():
    """A server that is stopped, with its queue full: the kernel takes no connection, so nginx sends nothing."""
    server = socket.create_server(SERVER, backlog=0)
    filling = [socket.socket() for _ in range(4)]
    for one in filling:
        one.setblocking(False)
        one.connect_ex(SERVER)
    is_problem("no connection in time", ask(), 503, "relay_unavailable")
    for one in [*filling, server]:
        one.close()


def the_server_dies():
    for how, answer in [("reads", dies), ("answers", dies_while_it_answers)]:
        with Server(answer) as server:
            what = f"the server dies when it {how}"
            is_problem(what, ask(), 502, UNKNOWN)
            expect(f"{what}: requests", server.requests, 1)


def the_server_closes_a_connection_that_is_used_again():
    # All requests use one client connection, so that the same nginx worker answers them with its
    # own connections to the server.
    client = connect()
    with Server(serves_once_for_each_connection()) as server:
        expect("first on a connection", ask(connection=client)[0].status, 200)
        is_problem("closed with a POST in it", ask(connection=client), 502, UNKNOWN)
        expect("closed with a POST in it: requests", server.requests, 2)
    with Server(serves_once_for_each_connection()) as server:
        expect("first on a connection", ask("GET", connection=client)[0].status, 200)
        again = ask("GET", connection=client)[0].status
        expect("closed with a GET in it: it is repeated", again, 200)
        expect("closed with a GET in it: requests", server.requests, 3)


def the_server_closes_what_is_idle():
    """nginx sees it, and takes another connection."""
    client = connect()
    with Server(serves) as server:
        expect("before", ask(connection=client)[0].status, 200)
        server.close_connections()
        expect("after an idle connection was closed", ask(connection=client)[0].status, 200)
        expect("after an idle connection was closed: connections", len(server.connections), 2)


def the_server_refuses_early():
    with Server(refuses_without_reading):
        for size in [10, 5_000, 60_000] * 20:
            expect(f"early refusal of {size} bytes", ask(body=b" " * size)[0].status, 401)


def nginx_refuses_early():
    """The client sends all of it before it reads, as many do."""
    with Server(serves) as server:
        for size in [70_000, 300_000, 3_000_000] * 5:
            for more in [{}, {"Connection": "close"}]:
                asked = ask(body=b" " * size, more=more)
                is_problem(f"{size} bytes {more}", asked, 413, "payload_too_large")
        expect("too large: requests", server.requests, 0)


def hosts():
    with Server(serves) as server:
        is_problem("two Hosts", get_from([SITE, "other.test"]), 400, "malformed_request")
        # No site has this name, so the answer does not have the form of a site's answer.
        expect("no Host", get_from([])[0].status, 400)
        expect("bad Hosts: requests", server.requests, 0)


def get_from(names):
    connection = connect()
    connection.putrequest("GET", PATH, skip_host=True)
    for name in names:
        connection.putheader("Host", name)
    connection.endheaders()
    answer = connection.getresponse()
    return answer, answer.read()


# Each two successive addresses belong to one client, or to two.
ADDRESSES = [
    ("192.0.2.1", "192.0.2.1", True),
    ("192.0.2.1", "192.0.2.2", False),
    ("::ffff:192.0.2.1", "192.0.2.1", True),
    ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ("2001:db8::1", "2001:db8::2", True),
    ("2001:db8::1", "2001:db8:0:0:ffff:ffff:ffff:ffff", True),
    ("2001:db8::1", "2001:db8:0:1::1", False),
    ("2001:db8:0:1::5", "2001:db8:0:1:8000::", True),
    ("2001:db8:1::", "2001:db8:0:1::", False),
    ("2001:db8:a0a:d0a::a", "2001:db8:a0a:d0a:a::", True),
    ("2001:db8:a0a:d0a::", "2001:db8:a0a:d0d::", False),
    ("::1", "::2", True),
    ("::1", "::ffff:0.0.0.1", False),
]
ECHO = "/etc/nginx/conf.d/addresses-for-tests.conf"


def restart():
    """Unlike a reload, it leaves no worker behind that closes connections a little later."""
    subprocess.run(["systemctl", "restart", "nginx.service"], check=True)


def client_of(address):
    echo = http.client.HTTPConnection("127.0.0.1", 8099, timeout=PATIENCE)
    echo.request("GET", "/", headers={"X-Address": address})
    return echo.getresponse().read()


def addresses():
    """Another site, only here, says whom nginx takes an address for."""
    with open(ECHO, "w", encoding="utf-8") as file:
        file.write(
            "server { listen 127.0.0.1:8099; default_type text/plain;\n"
            "set_real_ip_from 127.0.0.1; real_ip_header X-Address;\n"
            'return 200 "$matrix_support_chat_client"; }\n'
        )
    try:
        restart()
        for one, other, same in ADDRESSES:
            expect(f"{one} and {other} are one client", client_of(one) == client_of(other), same)
        expect("IPv4 counts whole", client_of("192.0.2.1"), bytes([192, 0, 2, 1]))
    finally:
        os.remove(ECHO)
        restart()


def a_network_is_one_client():
    """It may ask for so much; then all of it is refused, and its neighbour is not."""
    sources = ["2001:db8::1", "2001:db8::2:1", "2001:db8:0:1::1"]
    for source in sources:
        subprocess.run(["ip", "address", "replace", source + "/128", "dev", "lo", "nodad"], check=True)
    with Server(serves):
        clients = [connect(source) for source in sources]
        refused = [first_refusal(client, most) for client, most in zip(clients, [1_000, 20, 20])]
        expect("a flood is refused in the end", refused[0] is not None, True)
        if refused[1]:
            is_problem("same /64", refused[1], 429, "rate_limited")
        else:
            failures.append("another address of the same /64 is not refused")
        expect("other /64", refused[2], None)
    for source in sources:
        subprocess.run(["ip", "address", "del", source + "/128", "dev", "lo"], check=True)


def first_refusal(connection, most):
    """Of so many requests. A few get through even then, since every second allows some."""
    asked = (ask("GET", connection=connection) for _ in range(most))
    return next((it for it in asked if it[0].status == 429), None)


def arrives_slowly(part, pause):
    """What comes of a request that stops for so long in its head or its body; None: its connection was closed."""
    head, body = f"POST {PATH} HTTP/1.1\r\nHost: {SITE}\r\n", "Content-Length: 2\r\n\r\n"
    first, then = (head, body + "{}") if part == "head" else (head + body + "{", "}")
    client = connect()
    client.connect()
    client.sock.sendall(first.encode())
    time.sleep(pause)
    try:
        client.sock.sendall(then.encode())
        answer = http.client.HTTPResponse(client.sock)
        answer.begin()
        return answer.status
    except (OSError, http.client.RemoteDisconnected):
        return None


def time_limits():
    """All of them at once: of a client that is slow, of one that has stopped, and of the server."""

    def slow(part, pause, wanted):
        expect(f"{pause} s within the {part}", arrives_slowly(part, pause), wanted)

    def answer(connection, head, number):
        if b"content-type" not in head.lower():
            return serves(connection, head, number)
        read_body(connection, head)
        connection.recv(1)  # Until nginx has enough of it.
        return False

    cases = [("head", 25, 200), ("body", 25, 200), ("head", 33, None), ("body", 33, None)]
    threads = [threading.Thread(target=slow, args=case) for case in cases]
    with Server(answer) as server:
        for thread in threads:
            thread.start()
        started = time.monotonic()
        is_problem("no answer", ask(more={"Content-Type": "application/json"}), 504, UNKNOWN)
        # The server's own answer comes after 30 s.
        expect("nginx waits for the server", time.monotonic() - started > 35, True)
        for thread in threads:
            thread.join()
        expect("no answer: requests", server.requests, 3)


nobody_is_there()
nobody_accepts()
the_server_dies()
the_server_closes_a_connection_that_is_used_again()
the_server_closes_what_is_idle()
the_server_refuses_early()
nginx_refuses_early()
hosts()
addresses()
a_network_is_one_client()
time_limits()
for failure in failures:
    print(failure)
sys.exit(1 if failures else 0)
