"""What the checks of a gateway share: plain requests, and a count of what held."""

import http.client
import json
import sys


class Checks:
    def __init__(self, gateway):
        self.gateway, self.passed, self.failed = gateway, 0, 0

    def check(self, name, ok, detail=""):
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        line = f"{'ok  ' if ok else 'FAIL'} {self.gateway}: {name}"
        print(line if ok else f"{line} ({detail})", flush=True)

    def end(self):
        print(f"{self.passed} passed, {self.failed} failed")
        sys.exit(1 if self.failed else 0)


class Answer:
    def __init__(self, answer):
        self.status = answer.status
        self.fields = {name.lower(): value for name, value in answer.getheaders()}
        self.body = answer.read().decode(errors="replace")

    @property
    def passed(self):
        """Whether the service behind the gateway made this answer."""
        return "x-upstream" in self.fields

    @property
    def arrived(self):
        return json.loads(self.body)

    def identity(self):
        """The identity fields that arrived, by what CGI and WSGI make of their names."""
        found = {}
        for name, value in self.arrived["fields"]:
            name = name.lower().replace("_", "-")
            if name.startswith("x-auth"):
                found.setdefault(name.removeprefix("x-auth-request-"), []).append(value)
        return found

    def summary(self):
        """As a cell of the table in the docs."""
        if self.passed:
            return "passes"
        parts = [str(self.status)]
        if "www-authenticate" in self.fields:
            parts.append("challenge")
        if "retry-after" in self.fields:
            parts.append("`Retry-After`")
        if self.fields.get("content-type") == "application/problem+json":
            parts.append("body")
        return ", ".join(parts)

    def __repr__(self):
        return f"{self.status} {self.fields} {self.body[:200]}"


def send(port, path="/", token=None, fields=(), method="GET", body=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    if token:
        connection.putheader("Authorization", f"Bearer {token}")
    for name, value in fields:
        connection.putheader(name, value)
    if body is not None:
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def variables(path):
    with open(path) as lines:
        return dict(line.strip().split("=", 1) for line in lines if "=" in line)
