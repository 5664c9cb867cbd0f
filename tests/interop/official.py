"""Clerk's official Python client against the emulator."""

import os
import sys

import httpx
from clerk_backend_api import Clerk, models
from clerk_backend_api.security import (
    AuthenticateRequestOptions,
    AuthStatus,
    TokenVerificationError,
    VerifyTokenOptions,
    authenticate_request,
    verify_token,
)

API = os.environ["CLERK_API_URL"]


def emulator(method, path, body=None):
    """Steers the emulator."""
    answer = httpx.request(method, f"{API}/__emulator/{path}", json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


ENVIRONMENT = emulator("GET", "environment")
SECRET = ENVIRONMENT["CLERK_SECRET_KEY"]
JWT_KEY = ENVIRONMENT["CLERK_JWT_KEY"].replace("\\n", "\n")
USER = emulator("GET", "new_user_id")["id"]
OAUTH = {"subject": USER, "scopes": ["profile", "reports:read"]}
OAUTH_OPAQUE = emulator("POST", "oauth_tokens", OAUTH)
OAUTH_JWT = emulator("POST", "oauth_tokens", OAUTH | {"format": "jwt"})["token"]

passed = failed = 0


def check(name):
    """Runs a function as a test and counts it."""

    def run(body):
        global passed, failed
        try:
            body()
            passed += 1
        except Exception as error:  # every kind of failure is one failed test
            failed += 1
            print(f"FAILED python {name}: {type(error).__name__} {error}")
        return body

    return run


def refused(status, call, *args, **kwargs):
    """Asserts that a call is refused with this status, and that its error body was read."""
    try:
        call(*args, **kwargs)
    except Exception as error:
        assert getattr(error, "status_code", None) == status, f"{error!r}"
        return
    raise AssertionError(f"not refused with {status}")


def client(secret):
    return Clerk(bearer_auth=secret, server_url=f"{API}/v1")


clerk = client(SECRET)
receiver = clerk.machines.create(request={"name": "py receiver"})
sender = clerk.machines.create(
    request={"name": "py sender", "scoped_machines": [receiver.id], "default_token_ttl": 600}
)
as_sender, as_receiver = client(sender.secret_key), client(receiver.secret_key)


@check("machines.create, get and list")
def _():
    assert sender.scoped_machines[0].id == receiver.id
    assert clerk.machines.get(machine_id=sender.id).default_token_ttl == 600
    page = clerk.machines.list(limit=1, offset=1, query="py", order_by="-name")
    assert page.total_count == 2 and page.data[0].name == "py receiver"
    refused(404, clerk.machines.get, machine_id="mch_unknown")
    refused(422, clerk.machines.create, request={"name": ""})


@check("machines.update and delete")
def _():
    machine = clerk.machines.create(request={"name": "py short"})
    assert clerk.machines.update(machine_id=machine.id, name="py new").name == "py new"
    assert clerk.machines.delete(machine_id=machine.id).DELETED
    refused(404, clerk.machines.delete, machine_id=machine.id)


@check("machines.get_secret_key and rotate_secret_key")
def _():
    machine = clerk.machines.create(request={"name": "py rotating"})
    assert clerk.machines.get_secret_key(machine_id=machine.id).secret == machine.secret_key
    new = clerk.machines.rotate_secret_key(machine_id=machine.id, previous_token_ttl=60).secret
    for secret in (machine.secret_key, new):
        client(secret).m2m.create_token()
    clerk.machines.rotate_secret_key(machine_id=machine.id, previous_token_ttl=0)
    refused(401, client(new).m2m.create_token)


@check("machines.create_scope and delete_scope")
def _():
    pair = {"machine_id": receiver.id}
    made = clerk.machines.create_scope(**pair, to_machine_id=sender.id)
    assert made.from_machine_id == receiver.id
    refused(409, clerk.machines.create_scope, **pair, to_machine_id=sender.id)
    assert clerk.machines.delete_scope(**pair, other_machine_id=sender.id).DELETED


opaque = as_sender.m2m.create_token(seconds_until_expiration=600, claims={"tenant": 7})
signed = as_sender.m2m.create_token(token_format=models.TokenFormat.JWT, claims={"tenant": 8})


@check("m2m.create_token")
def _():
    assert opaque.scopes == [receiver.id] and opaque.claims == {"tenant": 7}
    assert signed.token.count(".") == 2
    pooled = as_sender.m2m.create_token(claims={"pool": 1}, min_remaining_ttl_seconds=60)
    again = as_sender.m2m.create_token(claims={"pool": 1}, min_remaining_ttl_seconds=60)
    assert pooled.id == again.id
    refused(400, as_sender.m2m.create_token, min_remaining_ttl_seconds=600)


@check("m2m.list_tokens")
def _():
    page = clerk.m2m.list_tokens(subject=sender.id, revoked=True, expired=False, limit=1, offset=1)
    assert page.total_count >= 2 and len(page.m2m_tokens) == 1
    assert as_sender.m2m.list_tokens(subject=sender.id).m2m_tokens
    refused(403, as_sender.m2m.list_tokens, subject=receiver.id)


@check("m2m.verify_token")
def _():
    for who in (as_receiver, clerk):
        assert who.m2m.verify_token(token=opaque.token).subject == sender.id
    refused(404, as_sender.m2m.verify_token, token=opaque.token)
    refused(404, clerk.m2m.verify_token, token="mt_unknown")


@check("m2m.revoke_token")
def _():
    token = as_sender.m2m.create_token()
    gone = as_sender.m2m.revoke_token(m2m_token_id=token.id, revocation_reason="test")
    assert gone.revoked and gone.revocation_reason == "test"
    refused(404, clerk.m2m.verify_token, token=token.token)


key = clerk.api_keys.create_api_key(
    name="py key", subject=USER, scopes=["reports:read"], claims={"plan": "pro"},
    description="made by a test", created_by=USER, seconds_until_expiration=600,
)


@check("api_keys.create, get, get_secret and list")
def _():
    assert clerk.api_keys.get_api_key(api_key_id=key.id).scopes == ["reports:read"]
    assert clerk.api_keys.get_api_key_secret(api_key_id=key.id).secret == key.secret
    page = clerk.api_keys.get_api_keys(
        subject=USER, include_invalid=models.IncludeInvalid.TRUE, limit=10, offset=0
    )
    assert key.id in [other.id for other in page.data]
    refused(409, clerk.api_keys.create_api_key, name="py key", subject=USER)
    refused(404, clerk.api_keys.get_api_key, api_key_id="ak_" + "0" * 32)


@check("api_keys.update, verify, revoke and delete")
def _():
    other = clerk.api_keys.create_api_key(name="py other", subject=USER)
    changed = clerk.api_keys.update_api_key(api_key_id=other.id, scopes=["a"], description="d")
    assert (changed.scopes, changed.description) == (["a"], "d")
    assert clerk.api_keys.verify_api_key(secret=other.secret).id == other.id
    assert clerk.api_keys.revoke_api_key(api_key_id=other.id, revocation_reason="x").revoked
    refused(404, clerk.api_keys.verify_api_key, secret=other.secret)
    assert clerk.api_keys.delete_api_key(api_key_id=other.id).DELETED


@check("oauth_access_tokens.verify")
def _():
    seen = clerk.oauth_access_tokens.verify(access_token=OAUTH_OPAQUE["token"])
    assert seen.scopes == ["profile", "reports:read"]
    refused(404, clerk.oauth_access_tokens.verify, access_token="oat_unknown")


@check("jwks.get_jwks")
def _():
    assert clerk.jwks.get_jwks().keys[0].kid


# `authenticate_request` has no way to name an API address: it builds `VerifyTokenOptions` with
# the default one. The default is pointed at the emulator; the client's code is as it was shipped.
fields = list(VerifyTokenOptions.__dataclass_fields__)
defaults = list(VerifyTokenOptions.__init__.__defaults__)
defaults[fields.index("api_url")] = API
VerifyTokenOptions.__init__.__defaults__ = tuple(defaults)


def authenticate(token, **options):
    request = httpx.Request("GET", "http://service.test/", headers={"Authorization": f"Bearer {token}"})
    return authenticate_request(request, AuthenticateRequestOptions(**options))


ACCEPTED = {
    "opaque M2M under the instance secret": (opaque.token, {"secret_key": SECRET}),
    "opaque M2M under the machine secret": (opaque.token, {"machine_secret_key": receiver.secret_key}),
    "M2M JWT by the key set": (signed.token, {"secret_key": SECRET}),
    "API key": (key.secret, {"secret_key": SECRET}),
    "opaque OAuth token": (OAUTH_OPAQUE["token"], {"secret_key": SECRET}),
    "OAuth JWT by the key set": (OAUTH_JWT, {"secret_key": SECRET}),
}
REFUSED = {
    "an M2M token for another machine": (opaque.token, {"machine_secret_key": sender.secret_key}),
    "an unknown M2M token": ("mt_unknown", {"secret_key": SECRET}),
    "an unknown API key": ("ak_unknown", {"secret_key": SECRET}),
    "an unknown OAuth token": ("oat_unknown", {"secret_key": SECRET}),
    "a broken JWT": (signed.token[:-6] + "AAAAAA", {"secret_key": SECRET}),
}

for name, (token, options) in ACCEPTED.items():

    @check(f"authenticate_request: {name}")
    def _(token=token, options=options):
        state = authenticate(token, **options)
        assert state.status is AuthStatus.SIGNED_IN, state.reason
        verify_token(token, VerifyTokenOptions(api_url=API, **options))


for name, (token, options) in REFUSED.items():

    @check(f"authenticate_request refuses {name}")
    def _(token=token, options=options):
        state = authenticate(token, **options)
        assert state.status is AuthStatus.SIGNED_OUT
        assert state.reason.name.startswith("TOKEN_INVALID"), state.reason
        try:
            verify_token(token, VerifyTokenOptions(api_url=API, **options))
        except TokenVerificationError:
            return
        raise AssertionError("verified")


@check("authenticate_request: OAuth JWT by the PEM")
def _():
    one_line = JWT_KEY.replace("\n", "")
    state = authenticate(OAUTH_JWT, jwt_key=one_line)
    assert state.status is AuthStatus.SIGNED_IN, state.reason


@check("a token that is revoked from outside is refused, and the log says why")
def _():
    emulator("POST", f"tokens/{OAUTH_OPAQUE['id']}/revoke", {"reason": "leaked"})
    refused(404, clerk.oauth_access_tokens.verify, access_token=OAUTH_OPAQUE["token"])
    log = emulator("GET", "requests?endpoint=VerifyOAuthToken&limit=1")
    assert log[0]["reason"].startswith("revoked ") and log[0]["reason"].endswith(": leaked")


@check("an hour that passes ends a token of a minute")
def _():
    token = emulator("POST", "m2m_tokens", {"machine": sender.id, "lifetimeSeconds": 60})["token"]
    assert as_receiver.m2m.verify_token(token=token).subject == sender.id
    emulator("POST", "clock", {"advanceSeconds": 3600})
    refused(404, as_receiver.m2m.verify_token, token=token)


print(f"python: {passed} passed, {failed} failed")
sys.exit(0 if failed == 0 else 1)
