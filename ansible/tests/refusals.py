# Early refusals of the server, through nginx: refusals.py
# The server knows from the head that it refuses; the body, of any size that is allowed, is on its way nevertheless.
# It prints a line for each refusal that did not reach the client, and exits with 1 if there is one.
import http.client
import ssl
import sys

SITE = "chat.test"
SESSIONS = "/v1/support-chat/sessions"
JSON = {"Content-Type": "application/json"}
REFUSED = [
    (401, SESSIONS + "/none/messages", JSON),
    (403, SESSIONS, {**JSON, "Origin": "https://elsewhere.test"}),
    (415, SESSIONS, {"Content-Type": "text/plain"}),
]
SIZES = [100, 20_000, 65_000]
# Fewer requests than an address may send in a minute.
ROUNDS = 15

failed = 0
for round in range(ROUNDS):
    for wanted, path, headers in REFUSED:
        for size in SIZES:
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(SITE, timeout=60, context=context)
            try:
                connection.request("POST", path, b" " * size, headers)
                got = connection.getresponse().status
            except OSError as error:
                got = error
            connection.close()
            if got != wanted:
                failed += 1
                print(f"round {round}, {size} bytes: expected {wanted}, got {got}")
sys.exit(1 if failed else 0)
