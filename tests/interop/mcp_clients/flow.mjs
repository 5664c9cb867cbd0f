// The two npm clients against examples/mcp_server: sign in, call, step up, be sent away.
//
//   node flow.mjs sdk|client MCP_URL [whole|modern|audience|resource]
//
// `modern` is the whole flow on the stateless revision of the protocol, which only the newer client knows.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";

const [which, url, what = "whole"] = process.argv.slice(2);
const packageName = which === "sdk" ? "@modelcontextprotocol/sdk" : "@modelcontextprotocol/client";

const load = async (...paths) => Object.assign({}, ...(await Promise.all(paths.map((p) => import(p)))));
const { Client, StreamableHTTPClientTransport, UnauthorizedError } =
  which === "sdk"
    ? await load(
        "@modelcontextprotocol/sdk/client/index.js",
        "@modelcontextprotocol/sdk/client/streamableHttp.js",
        "@modelcontextprotocol/sdk/client/auth.js",
      )
    : await load("@modelcontextprotocol/client");

let passed = 0;
let failed = 0;
function check(name, ok, detail = "") {
  ok ? passed++ : failed++;
  console.log(`${ok ? "ok  " : "FAIL"} ${packageName}: ${name}${ok ? "" : ` (${detail})`}`);
}

// A browser whose user consents at once: what is asked for is seen, the code comes back.
class Browser {
  asked = [];
  get redirectUrl() {
    return "http://127.0.0.1/callback";
  }
  get clientMetadata() {
    return {
      client_name: "interop",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }
  clientInformation() {
    return this.client;
  }
  saveClientInformation(client) {
    this.client = client;
  }
  tokens() {
    return this.saved;
  }
  saveTokens(tokens) {
    // With a refresh token the older client refreshes where it is asked to step up, and gives up.
    this.saved = which === "sdk" ? { ...tokens, refresh_token: undefined } : tokens;
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
  saveDiscoveryState(state) {
    this.discovery = state;
  }
  discoveryState() {
    return this.discovery;
  }
  invalidateCredentials(scope) {
    if (scope === "all" || scope === "tokens") this.saved = undefined;
    if (scope === "all" || scope === "client") this.client = undefined;
  }
  async redirectToAuthorization(where) {
    this.asked.push(where);
    const answer = await fetch(where, { redirect: "manual" });
    this.callback = new URL(answer.headers.get("location")).searchParams;
  }
}

function finish(transport, browser) {
  const code = browser.callback.get("code");
  return which === "sdk"
    ? transport.finishAuth(code)
    : transport.finishAuth(code, browser.callback.get("iss") ?? undefined);
}

const modern = what === "modern" && { versionNegotiation: { mode: "auto" } };
const newClient = () => new Client({ name: "interop", version: "1" }, { ...modern });

async function connected(browser, fetchFn) {
  const options = { authProvider: browser, ...(fetchFn && { fetch: fetchFn }) };
  const first = new StreamableHTTPClientTransport(new URL(url), options);
  try {
    const client = newClient();
    await client.connect(first);
    return { client, transport: first };
  } catch (error) {
    if (!(error instanceof UnauthorizedError) || !browser.callback) throw error;
    await finish(first, browser);
  }
  const transport = new StreamableHTTPClientTransport(new URL(url), options);
  const client = newClient();
  await client.connect(transport);
  return { client, transport };
}

async function call(session, name, args = {}) {
  const result = await session.client.callTool({ name, arguments: args });
  return result.content?.[0]?.text ?? JSON.stringify(result);
}

const failure = async (work) => {
  try {
    return `no error: ${JSON.stringify(await work())}`;
  } catch (error) {
    return error;
  }
};

async function whole() {
  const browser = new Browser();
  const session = await connected(browser);
  const revision = session.transport.protocolVersion ?? session.client.getNegotiatedProtocolVersion();
  check(`speaks revision ${revision}`, revision === (modern ? "2026-07-28" : "2025-11-25"));
  check("signs in", browser.asked.length === 1, browser.asked.length);
  const asked = browser.asked[0].searchParams;
  check("names the resource", asked.get("resource") === url, asked.get("resource"));
  const first = (asked.get("scope") ?? "").split(" ");
  const isLeast = first.includes("profile") && !first.includes("reports:write");
  check("asks for the scopes of the metadata", isLeast, first);
  const me = JSON.parse(await call(session, "whoami"));
  check("calls whoami", me.tokenType === "oauth_token" && me.aud.includes(url), JSON.stringify(me));

  const remove = () => call(session, "delete_report", { month: "2026-11" });
  const refused = await failure(remove);
  check("is asked to step up", refused instanceof UnauthorizedError, String(refused));
  const scope = browser.asked.at(-1).searchParams.get("scope") ?? "";
  check("for the scope of the tool", scope.split(" ").includes("reports:write"), scope);
  await finish(session.transport, browser);
  const text = await remove();
  check("calls delete_report", text === "deleted the report of 2026-11", text);

  await revoke(browser);
  const before = browser.asked.length;
  const away = await failure(() => call(session, "whoami"));
  check("is sent away after the revocation", away instanceof UnauthorizedError, String(away));
  check("to sign in again", browser.asked.length === before + 1, browser.asked.length - before);
  await session.client.close();
}

// Ends the whole session at the authorization server, then waits until verdicts are renewed.
async function revoke(browser) {
  const metadata = await authorizationServer();
  const token = browser.saved.refresh_token ?? browser.saved.access_token;
  const body = new URLSearchParams({ token, client_id: browser.client.client_id });
  const answer = await fetch(metadata.revocation_endpoint, { method: "POST", body });
  check("revokes", answer.ok, answer.status);
  await new Promise((resolve) => setTimeout(resolve, 1500));
}

async function authorizationServer() {
  const { origin, pathname } = new URL(url);
  const resource = await (await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)).json();
  const issuer = resource.authorization_servers[0];
  return (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
}

// A client that asks for a token of another resource gives up after one more try.
async function audience() {
  const browser = new Browser();
  const other = async (input, init) => {
    if (String(init?.body ?? "").includes("grant_type=")) {
      const body = new URLSearchParams(String(init.body));
      body.set("resource", "https://other.example/mcp");
      init = { ...init, body };
    }
    return fetch(input, init);
  };
  browser.redirectToAuthorization = async function (where) {
    this.asked.push(where);
    where.searchParams.set("resource", "https://other.example/mcp");
    const answer = await fetch(where, { redirect: "manual" });
    this.callback = new URL(answer.headers.get("location")).searchParams;
  };
  const error = await failure(() => connected(browser, other));
  check("another audience is refused", error instanceof Error, String(error));
}

// A document that names another resource is refused by the client.
async function resource() {
  const browser = new Browser();
  const wrong = async (input, init) => {
    const answer = await fetch(input, init);
    if (!String(input).includes("oauth-protected-resource")) return answer;
    const document = { ...(await answer.json()), resource: "https://other.example/mcp" };
    return new Response(JSON.stringify(document), { headers: { "content-type": "application/json" } });
  };
  const error = await failure(() => connected(browser, wrong));
  check("a document with another resource is refused", /does not match/.test(String(error)), String(error));
  check("before any sign-in", browser.asked.length === 0, browser.asked.length);
}

const version = JSON.parse(
  readFileSync(join(dirname(import.meta.filename), "node_modules", packageName, "package.json")),
).version;
console.log(`${packageName} ${version}`);
try {
  await { whole, modern: whole, audience, resource }[what]();
} catch (error) {
  check(what, false, error.stack);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
