"""Gives the fuzzer the right secret for each call, and ids and tokens that exist now and then."""

import os
import random

import requests
import schemathesis

# Of our own, so that it is not the one that the fuzzer seeds and watches.
rng = random.Random(os.environ.get("FUZZ_SEED"))
API = os.environ["CLERK_API_URL"]
INSTANCE = os.environ["CLERK_SECRET_KEY"]


def post(path, secret, **body):
    headers = {"Authorization": f"Bearer {secret}"}
    return requests.post(f"{API}{path}", json=body, headers=headers, timeout=10).json()


# What exists when the run begins. Calls of the run change and delete it, so it is renewed.
class Seeds:
    def __init__(self):
        self.renew()

    def renew(self):
        self.used = 0
        one, two = (post("/v1/machines", INSTANCE, name=name) for name in ("one", "two"))
        post(f"/v1/machines/{one['id']}/scopes", INSTANCE, to_machine_id=two["id"])
        token = post("/m2m_tokens", one["secret_key"])
        jwt = post("/m2m_tokens", one["secret_key"], token_format="jwt")
        user = f"user_{rng.randrange(10**26, 10**27)}"
        key = post("/api_keys", INSTANCE, name="fuzz", subject=user)
        self.machine_secret = one["secret_key"]
        self.values = {
            "machine_id": [one["id"], two["id"]],
            "other_machine_id": [two["id"]],
            "to_machine_id": [one["id"], two["id"]],
            "apiKeyID": [key["id"]],
            "m2m_token_id": [token["id"]],
            "token": [token["token"], jwt["token"]],
            "secret": [key["secret"]],
            "access_token": [os.environ["OAUTH_JWT"], os.environ["OAUTH_OPAQUE"]],
            "subject": [one["id"], user],
        }

    def some(self, name):
        self.used += 1
        if self.used > 25:
            self.renew()
        return rng.choice(self.values[name])


seeds = Seeds()


def mix(values):
    """Replaces half of the values that name something by ones that exist."""
    for name in list(values):
        if name in seeds.values and rng.random() < 0.5:
            values[name] = seeds.some(name)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Runs before each request."""
    del context, kwargs
    if case.headers is None:
        case.headers = {}
    machine = case.path == "/m2m_tokens" and case.method.upper() == "POST"
    machine = machine or (case.path.startswith("/m2m_tokens") and rng.random() < 0.5)
    secret = seeds.machine_secret if machine else INSTANCE
    case.headers["Authorization"] = f"Bearer {secret}"
    if isinstance(case.path_parameters, dict):
        mix(case.path_parameters)
    if isinstance(case.query, dict):
        mix(case.query)
    if isinstance(case.body, dict):
        mix(case.body)
