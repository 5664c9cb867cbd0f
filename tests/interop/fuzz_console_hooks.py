"""Gives the fuzzer ids and names that exist now and then."""

import os
import random

import requests
import schemathesis

# Of our own, so that it is not the one that the fuzzer seeds and watches.
rng = random.Random(os.environ.get("FUZZ_SEED"))
API = os.environ["CLERK_API_URL"] + "/__emulator/"


class Seeds:
    """What exists when the run begins. Calls of the run change and delete it, so it is renewed."""

    def __init__(self):
        self.renew()

    def renew(self):
        self.used = 0
        seed = {
            "machines": [{"name": "a"}, {"name": "b"}],
            "apiKeys": [{"scopes": ["a"]}],
            "oauthTokens": [{"format": "jwt"}, {}],
        }
        made = requests.post(API + "seed", json=seed, timeout=10).json()
        fault = {"endpoint": "Unknown", "effect": "hang"}
        plan = requests.post(API + "faults", json=fault, timeout=10).json()
        machines = [machine["id"] for machine in made["machines"]]
        mint = {"machine": machines[0]}
        token = requests.post(API + "m2m_tokens", json=mint, timeout=10).json()
        tokens = [token, *made["tokens"]]
        self.values = {
            "machineId": machines,
            "machine": machines,
            "receiver": machines,
            "from": machines,
            "to": machines,
            "tokenId": [token["id"] for token in tokens],
            "token": [token["token"] for token in tokens],
            "faultId": [str(plan["id"])],
            "endpoint": ["Any", "VerifyM2mToken", "Unknown"],
        }

    def some(self, name):
        self.used += 1
        if self.used > 40:
            self.renew()
        return rng.choice(self.values[name])


seeds = Seeds()


def mix(values):
    """Replaces half of the texts that name something by ones that exist."""
    for name in list(values):
        if name in seeds.values and isinstance(values[name], str) and rng.random() < 0.5:
            values[name] = seeds.some(name)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Runs before each request."""
    del context, kwargs
    for values in (case.path_parameters, case.query, case.body):
        if isinstance(values, dict):
            mix(values)
