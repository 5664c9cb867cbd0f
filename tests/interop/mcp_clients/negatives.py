"""What examples/mcp_server refuses, by plain requests; the tokens come from its own output.

python negatives.py STATELESS_OUTPUT SESSIONS_OUTPUT
"""

import http.client
import json
import sys
from urllib.parse import urlsplit

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} refused: {name}" + ("" if ok else f" ({detail})"))


def variables(path):
    with open(path) as lines:
        return dict(line.strip().split("=", 1) for line in lines if "=" in line)


class Server:
    def __init__(self, path):
        self.variables = variables(path)
        self.url = urlsplit(self.variables["MCP_URL"])

    def send(self, tokens=(), body=None, method="POST", query="", headers=()):
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=20)
        connection.putrequest(method, self.url.path + query)
        for token in tokens:
            connection.putheader("Authorization", f"Bearer {token}")
        for name, value in [("Accept", "application/json, text/event-stream"), *headers]:
            connection.putheader(name, value)
        data = json.dumps(body).encode() if body else b""
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        answer = connection.getresponse()
        got = answer.status, dict((n.lower(), v) for n, v in answer.getheaders()), answer.read().decode()
        connection.close()
        return got

    def token(self, name):
        return self.variables[f"TOKEN_{name}"]


INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "negatives", "version": "1"},
    },
}
WHOAMI = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "whoami", "arguments": {}}}

server = Server(sys.argv[1])
a = server.token("A")
challenge = f'Bearer resource_metadata="{server.url.scheme}://{server.url.netloc}/.well-known/oauth-protected-resource/mcp"'
status, headers, _ = server.send([a], INITIALIZE)
check("a good token is not", status == 200, status)
status, headers, _ = server.send([], INITIALIZE)
check("no token: 401 and where to sign in", (status, headers.get("www-authenticate")) == (401, challenge), headers)
for name, token in [
    ("another audience", server.token("OTHER_AUDIENCE")),
    ("no audience", server.token("NO_AUDIENCE")),
    ("an M2M token", server.token("M2M")),
]:
    status, headers, body = server.send([token], INITIALIZE)
    expected = f'{challenge}, error="invalid_token"'
    check(f"{name}: 401", (status, headers.get("www-authenticate")) == (401, expected), (status, headers, body))
status, headers, _ = server.send([], INITIALIZE, query=f"?access_token={a}")
check("a token in the query: 401 as if there were none", (status, headers.get("www-authenticate")) == (401, challenge), status)
status, headers, _ = server.send([a, a], INITIALIZE)
check("two Authorization lines: 400", status == 400 and 'error="invalid_request"' in headers["www-authenticate"], status)

server = Server(sys.argv[2])
a, b = server.token("A"), server.token("B")
status, headers, _ = server.send([a], INITIALIZE)
session = [("Mcp-Session-Id", headers.get("mcp-session-id", "none")), ("MCP-Protocol-Version", "2025-11-25")]
check("A's own session is not", status == 200 and session[0][1] != "none", (status, headers))
server.send([a], {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
status, _, body = server.send([b], WHOAMI, headers=session)
check("A's session used by B: 404 without a body", (status, body) == (404, ""), (status, body))
status, _, body = server.send([b], method="DELETE", headers=session)
check("A's session deleted by B: 404", status == 404, status)
status, _, body = server.send([a], WHOAMI, headers=session)
check("and A goes on unharmed", status == 200 and "oauth_token" in body, (status, body))
status, _, _ = server.send([a], method="DELETE", headers=session)
check("A ends its own session", status in (200, 202, 204), status)

print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
