"""The Python client against examples/mcp_server: sign in, call, step up, be sent away.

python flow.py MCP_URL [whole|modern|audience|resource]

`modern` is the whole flow on the stateless revision of the protocol.
"""

import asyncio
import json
import sys
from importlib.metadata import version
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx2
from mcp import ClientSession
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

URL = sys.argv[1]
WHAT = sys.argv[2] if len(sys.argv) > 2 else "whole"
OTHER = "https://other.example/mcp"
passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed, failed = passed + bool(ok), failed + (not ok)
    print(f"{'ok  ' if ok else 'FAIL'} mcp: {name}" + ("" if ok else f" ({detail})"))


class Storage:
    tokens = client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Browser:
    """A browser whose user consents at once."""

    def __init__(self, resource=None):
        self.asked, self.resource = [], resource

    async def visit(self, url):
        parts = urlsplit(url)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(query)
        if self.resource:
            url = urlunsplit(parts._replace(query=urlencode({**query, "resource": self.resource})))
        async with httpx2.AsyncClient() as http:
            answer = await http.get(url, follow_redirects=False)
        self.callback = parse_qs(urlsplit(answer.headers["location"]).query)

    async def come_back(self):
        got = {name: values[0] for name, values in self.callback.items()}
        return AuthorizationCodeResult(code=got.get("code", ""), state=got.get("state"), iss=got.get("iss"))


def provider(browser, storage):
    metadata = OAuthClientMetadata(
        client_name="interop",
        redirect_uris=["http://127.0.0.1/callback"],
        grant_types=["authorization_code", "refresh_token"],
        response_types=["code"],
        token_endpoint_auth_method="none",
    )
    return OAuthClientProvider(
        server_url=URL,
        client_metadata=metadata,
        storage=storage,
        redirect_handler=browser.visit,
        callback_handler=browser.come_back,
    )


class Meddled(httpx2.AsyncHTTPTransport):
    """Changes what the client is told, or what it asks for."""

    async def handle_async_request(self, request):
        if WHAT == "audience" and b"grant_type=" in request.content:
            form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
            body = urlencode({**form, "resource": OTHER}).encode()
            headers = {**request.headers, "content-length": str(len(body))}
            request = httpx2.Request(request.method, request.url, headers=headers, content=body)
        response = await super().handle_async_request(request)
        if WHAT == "resource" and "oauth-protected-resource" in str(request.url):
            document = json.loads(await response.aread())
            document["resource"] = OTHER
            return httpx2.Response(200, json=document, request=request)
        return response


async def with_session(browser, storage, work):
    auth = provider(browser, storage)
    async with httpx2.AsyncClient(auth=auth, transport=Meddled()) as http:
        async with streamable_http_client(URL, http_client=http) as streams:
            async with ClientSession(streams[0], streams[1]) as session:
                await (session.discover() if WHAT == "modern" else session.initialize())
                return await work(session)


def text(result):
    return result.content[0].text


async def whole():
    browser, storage = Browser(), Storage()

    async def work(session):
        expected = "2026-07-28" if WHAT == "modern" else "2025-11-25"
        check(f"speaks revision {session.protocol_version}", session.protocol_version == expected)
        check("signs in", len(browser.asked) == 1, len(browser.asked))
        asked = browser.asked[0]
        check("names the resource", asked.get("resource") == URL, asked)
        scopes = asked.get("scope", "").split()
        check("asks for the scopes of the metadata", "profile" in scopes and "reports:write" not in scopes, asked)
        me = json.loads(text(await session.call_tool("whoami", {})))
        check("calls whoami", me["tokenType"] == "oauth_token" and URL in me["aud"], me)
        deleted = text(await session.call_tool("delete_report", {"month": "2026-11"}))
        check("steps up", len(browser.asked) == 2, len(browser.asked))
        check("for the scope of the tool", "reports:write" in browser.asked[-1].get("scope", "").split(), browser.asked[-1])
        check("calls delete_report", deleted == "deleted the report of 2026-11", deleted)
        await revoke(storage)
        me = json.loads(text(await session.call_tool("whoami", {})))
        check("is sent away after the revocation, to sign in again", len(browser.asked) == 3, len(browser.asked))
        check("calls whoami again", me["tokenType"] == "oauth_token", me)

    await with_session(browser, storage, work)


async def revoke(storage):
    parts = urlsplit(URL)
    async with httpx2.AsyncClient() as http:
        at = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-protected-resource{parts.path}"
        issuer = (await http.get(at)).json()["authorization_servers"][0]
        metadata = (await http.get(f"{issuer}/.well-known/oauth-authorization-server")).json()
        token = storage.tokens.refresh_token or storage.tokens.access_token
        form = {"token": token, "client_id": storage.client.client_id}
        answer = await http.post(metadata["revocation_endpoint"], data=form)
    check("revokes", answer.status_code == 200, answer.text)
    await asyncio.sleep(1.5)


async def failure(browser):
    async def work(session):
        return text(await session.call_tool("whoami", {}))

    try:
        return f"no error: {await asyncio.wait_for(with_session(browser, Storage(), work), 20)}"
    except BaseException as error:  # Groups of them, too.
        while getattr(error, "exceptions", None):
            error = error.exceptions[0]
        return error


async def audience():
    error = await failure(Browser(OTHER))
    check("another audience is refused", isinstance(error, BaseException), error)


async def resource():
    browser = Browser()
    error = await failure(browser)
    check("a document with another resource is refused", "does not match" in str(error), repr(error))
    check("before any sign-in", not browser.asked, browser.asked)


print(f"mcp {version('mcp')}")
try:
    asyncio.run({"whole": whole, "modern": whole, "audience": audience, "resource": resource}[WHAT]())
except BaseException as error:
    while getattr(error, "exceptions", None):
        error = error.exceptions[0]
    check(WHAT, False, repr(error))
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
