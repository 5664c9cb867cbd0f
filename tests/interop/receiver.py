"""A receiver with Clerk's official Python client: 200 and the caller's subject, or 401."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
from clerk_backend_api.security import (
    AuthenticateRequestOptions,
    AuthStatus,
    VerifyTokenOptions,
    authenticate_request,
)

# `authenticate_request` has no way to name an API address: it builds `VerifyTokenOptions` with
# the default one. The default is pointed at the emulator; the client's code is as it was shipped.
fields = list(VerifyTokenOptions.__dataclass_fields__)
defaults = list(VerifyTokenOptions.__init__.__defaults__)
defaults[fields.index("api_url")] = os.environ["CLERK_API_URL"]
VerifyTokenOptions.__init__.__defaults__ = tuple(defaults)


def secret_for(token):
    """A JWT is verified by the key set, which takes the secret of the instance."""
    if token.startswith("mt_"):
        return {"machine_secret_key": os.environ["CLERK_MACHINE_SECRET_KEY"]}
    return {"secret_key": os.environ["CLERK_SECRET_KEY"]}


class Receiver(BaseHTTPRequestHandler):
    def do_GET(self):
        header = self.headers.get("Authorization", "")
        request = httpx.Request("GET", "http://receiver.test/", headers={"Authorization": header})
        # Without `accepts_token`: the client takes an M2M JWT for a session token by its shape.
        options = AuthenticateRequestOptions(**secret_for(header.removeprefix("Bearer ")))
        state = authenticate_request(request, options)
        payload = state.payload or {}
        subject = payload.get("subject") or payload.get("sub") or ""
        accepted = state.status is AuthStatus.SIGNED_IN and subject.startswith("mch_")
        body = subject if accepted else str(state.reason)
        self.send_response(200 if accepted else 401)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(f"listening on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
