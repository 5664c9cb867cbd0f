"""A gateway in front of a service, and forward_auth beside it.

python check.py GATEWAY PORT PHASE VARIABLES TABLE

PHASE says what runs: `up` all of it; `outage` a Clerk that does not answer; `unknown` an auth service
that has not the policies of the gateway; `down` no auth service. VARIABLES is the output of the auth
service, TABLE the file to add the observed cells to.
"""

import json
import sys

from gateway import Checks, send, variables

gateway, port, phase, values, table = sys.argv[1:]
port = int(port)
checks = Checks(gateway)
check = checks.check
# What is ours, and what others send under such names.
NAMES = ["User", "Type", "Token-Id", "Client", "Org", "Scopes", "Email", "Groups", "Preferred-Username", "Access-Token"]
IDENTITY = ["user", "type", "token-id", "client", "org", "scopes"]



def row(name, answer):
    with open(table, "a") as file:
        file.write(json.dumps([name, gateway, answer.summary()]) + "\n")
    return answer


def values_of(answer):
    """One value for each name; what is missing is as good as empty."""
    found = answer.identity()
    check("no name arrives twice", all(len(v) == 1 for v in found.values()), found)
    others = [name for name, values in found.items() if name not in IDENTITY and any(values)]
    check("no other name arrives", not others, found)
    return [(found.get(name) or [""])[0] for name in IDENTITY]


def up():
    tokens = variables(values)
    answer = row("a good token", send(port, token=tokens["M2M_OPAQUE"]))
    check("a good token passes", answer.passed and answer.status == 200, answer)
    machine = values_of(answer)
    check("with its identity", machine[0].startswith("mch_") and machine[1] == "m2m", machine)
    check("and its identifier", machine[2].startswith("mt_") and machine[3:] == ["", "", ""], machine)
    arrived = [name.lower() for name, _ in answer.arrived["fields"]]
    check("the token does not arrive", "authorization" not in arrived, arrived)
    key = values_of(send(port, "/reports", tokens["API_KEY"]))
    check("an API key passes with its scopes", key[1:2] + key[5:] == ["api_key", "reports:read"], key)

    denied(tokens)
    forged(tokens, machine)
    elsewhere(tokens)
    methods(tokens)


def denied(tokens):
    answer = row("no token", send(port))
    check("no token: 401", answer.status == 401 and not answer.passed, answer)
    check("with a challenge", answer.fields.get("www-authenticate") == 'Bearer realm="api"', answer)
    for name, token in [
        ("a token that is not valid here", tokens["M2M_JWT_UNSCOPED"]),
        ("a made-up token", "mt_made_up"),
        ("a JWT with a wrong signature", tokens["M2M_JWT"][:-8] + "AAAAAAAA"),
    ]:
        answer = send(port, token=token)
        row(name, answer) if "not valid" in name else None
        challenge = 'Bearer realm="api", error="invalid_token"'
        check(f"{name}: 401", answer.status == 401 and not answer.passed, answer)
        check("with a challenge", answer.fields.get("www-authenticate") == challenge, answer)
    answer = row("a malformed token", send(port, fields=[("Authorization", "Bearer a, Bearer b")]))
    check("a malformed token never passes", answer.status in (400, 401) and not answer.passed, answer)
    answer = row("a token without a scope of the policy", send(port, "/reports", tokens["OAUTH_JWT"]))
    check("a missing scope: 403", answer.status == 403 and not answer.passed, answer)
    challenge = 'Bearer realm="api", error="insufficient_scope", scope="reports:read"'
    check("with the scope", answer.fields.get("www-authenticate") == challenge, answer)
    good, bad = f"Bearer {tokens['M2M_JWT']}", "Bearer mt_made_up"
    for name, pair in [("twice", [good, good]), ("and a bad one", [good, bad]), ("after a bad one", [bad, good])]:
        answer = send(port, fields=[("Authorization", value) for value in pair])
        row("two `Authorization` lines", answer) if name == "twice" else None
        check(f"a good token {name}: never passes", not answer.passed and answer.status >= 400, answer)
    for answer in [send(port), send(port, token="mt_made_up"), send(port, "/reports", tokens["OAUTH_JWT"])]:
        leaked = [name for name in answer.fields if name.startswith("x-auth")]
        check("a rejection carries no identity", not leaked, leaked)


def forged(tokens, machine):
    """What a client says of itself never arrives, in any spelling."""
    for spelling in ["X-Auth-Request-{}", "x-auth-request-{}", "X_Auth_Request_{}", "X-Auth_Request_{}", "x_auth-request-{}"]:
        fields = [(spelling.format(name), "forged") for name in NAMES]
        answer = send(port, token=tokens["M2M_OPAQUE"], fields=fields)
        if answer.passed:
            check(f"forged {spelling.format('User')} does not arrive", values_of(answer) == machine, answer.identity())
        else:
            check(f"forged {spelling.format('User')} is refused", answer.status == 400 and "_" in spelling, answer)
        answer = send(port, fields=fields)
        check("and lets nobody in", not answer.passed and answer.status in (400, 401), answer)


def elsewhere(tokens):
    """Path, query and fields of the client do not choose the policy."""
    oauth = tokens["OAUTH_JWT"]
    for path in ["/reports?/verify/any", "/reports?policy=any", "/reports/verify/any", "//reports", "/./reports", "/x/../reports", "/%72eports"]:
        answer = send(port, path, oauth)
        check(f"{path} has the policy of its route", answer.status in (400, 403) and not answer.passed, answer)
    for path in ["/reports/../any", "/reports/%2e%2e/any", "/reports/%2e%2e%2fany", "/reports//../../any", "/x/%2e%2e/reports", "/reports%2f..%2fany", "/Reports/../any"]:
        answer = send(port, path, oauth)
        # It may pass as what it is to the gateway, if the service sees the same.
        ok = answer.passed and answer.arrived["path"] in ("/any", "/reports") or answer.status in (400, 403, 307)
        check(f"{path} is read alike by gateway and service", ok, answer)
    for path in ["/healthz", "/verify/any", "/verify/none", "/../../healthz", "//healthz", "/%2e%2e/%2e%2e/healthz", "/?x=../../healthz", "/_auth"]:
        answer = send(port, path)
        check(f"{path} lets nobody in", not answer.passed and answer.status >= 400, answer)
    for name in ["X-Forwarded-Uri", "X-Original-URI", "X-Forwarded-Method", "X-Forwarded-For", "X-Original-Method", "Forwarded", "X-Envoy-Original-Path", "X-Rewrite-Url"]:
        answer = send(port, "/reports", oauth, [(name, "/verify/any")])
        check(f"{name} changes nothing", answer.status in (400, 403) and not answer.passed, answer)


def methods(tokens):
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]:
        body = b"x" * 100_000 if method in ("POST", "PUT", "PATCH") else None
        answer = send(port, "/a?b=c", tokens["API_KEY"], method=method, body=body)
        check(f"{method} passes", answer.passed and answer.status == 200, answer)
        if method != "HEAD":
            got = answer.arrived
            expected = (method, "/a?b=c", len(body or b""))
            check("as it was sent", (got["method"], got["path"], got["body"]) == expected, got)
        answer = send(port, "/a?b=c", method=method, body=body)
        check(f"{method} without a token: 401", answer.status == 401 and not answer.passed, answer)


def outage():
    answer = row("a token that cannot be verified", send(port, token="mt_" + "0123456789abcdef" * 2))
    check("Clerk does not answer: 503", answer.status == 503 and not answer.passed, answer)
    check("and never a challenge", "www-authenticate" not in answer.fields, answer)
    check("no token: still 401", send(port).status == 401)


def unknown():
    for name, token in [("a token", "mt_made_up"), ("none", None)]:
        answer = send(port, token=token)
        row("a policy that there is not", answer) if token else None
        check(f"{name}: an error of the server", answer.status >= 500 and not answer.passed, answer)


def down():
    for name, token in [("a token", "mt_made_up"), ("none", None)]:
        answer = send(port, token=token)
        row("no auth service", answer) if token else None
        check(f"no auth service, {name}: an error", answer.status >= 500 and not answer.passed, answer)


{"up": up, "outage": outage, "unknown": unknown, "down": down}[phase]()
checks.end()
