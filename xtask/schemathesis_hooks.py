"""What schemathesis cannot read in /openapi.json: how a client keeps its sessions."""

import hashlib
import json

import requests
import schemathesis
from schemathesis.core.parameters import ParameterLocation

# The tokens of the sessions that this run has begun.
tokens = {}


def begin_session(case):
    """A session of its own for a request that is not part of a story."""
    url = f"{case.operation.base_url.rstrip('/')}/v1/support-chat/sessions"
    response = requests.post(url, json={"initialMessage": "Hello"}, timeout=30)
    response.raise_for_status()
    created = response.json()
    tokens[created["sessionId"]] = created["token"]
    case.path_parameters["sessionId"] = created["sessionId"]
    if "after" in case.query and not case.meta.is_negative_at(ParameterLocation.QUERY):
        case.query["after"] = created["messageId"]


@schemathesis.hook
def after_call(context, case, response):
    """Learns the tokens of the sessions that stories begin."""
    operation_id = case.operation.definition.raw["operationId"]
    if operation_id == "createSession" and response.status_code == 201:
        created = response.json()
        tokens[created["sessionId"]] = created["token"]


@schemathesis.auth(refresh_interval=None)
class SessionToken:
    """A session's token opens that session, and no other."""

    def get(self, case, context):
        if "sessionId" not in case.path_parameters:
            return None
        in_story = case.meta.phase.name.value == "stateful"
        if not in_story and not case.meta.is_negative_at(ParameterLocation.PATH):
            begin_session(case)
        return tokens.get(case.path_parameters["sessionId"])

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"


@schemathesis.hook
def before_call(context, case, kwargs):
    """A key stands for one request: with another body it would rightly be refused. And where there
    is nothing new, hundreds of polls would wait for it."""
    wait = str((case.query or {}).get("wait"))
    if wait.isascii() and wait.isdecimal() and 1 < int(wait) <= 25:
        case.query["wait"] = 0
    key = (case.headers or {}).get("Idempotency-Key")
    if key is not None and case.meta.generation.mode.is_positive:
        request = json.dumps([key, case.body], sort_keys=True, default=str)
        case.headers["Idempotency-Key"] = hashlib.sha256(request.encode()).hexdigest()
