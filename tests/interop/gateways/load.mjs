// Mixed requests, good and bad, at a rate: node load.mjs GATEWAY PORT VARIABLES RATE SECONDS
//
// Ends with an error if one passed that must not, or passed as somebody else.
import { readFileSync } from "node:fs";
import http from "node:http";

const [gateway, port, variables, rate, seconds] = process.argv.slice(2);
const tokens = Object.fromEntries(
  readFileSync(variables, "utf8").split("\n").filter((line) => line.includes("=")).map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  }),
);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function send(kind, number) {
  const { token, path = "/", fields = {} } = kind;
  const value = typeof token === "function" ? token(number) : token;
  const headers = { ...fields, ...(value && { authorization: `Bearer ${value}` }) };
  return new Promise((resolve) => {
    const request = http.get({ port, path, headers, agent, host: "127.0.0.1", timeout: 20_000 }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (chunk) => (body += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, passed: "x-upstream" in answer.headers, body }));
    });
    request.on("error", (error) => resolve({ status: error.code, passed: false }));
  });
}

// The identity as it arrived; a name that is there twice would be two values.
function identity(body) {
  const fields = JSON.parse(body).fields.filter(([name]) => /^x[-_]auth/i.test(name));
  const named = fields.filter(([, value]) => value !== "").map(([name, value]) => `${name.toLowerCase()}=${value}`);
  return named.sort().join(" ");
}

const junk = (number) => `mt_${number.toString(16).padStart(32, "0")}`;
const broken = (number) => tokens.M2M_JWT.slice(0, -9) + "ABCDEFGHIJ"[number % 10].repeat(9);
const forged = { "X-Auth-Request-User": "user_forged", "X-Auth-Request-Scopes": "admin" };
const kinds = [
  { name: "M2M JWT", token: tokens.M2M_JWT, good: true },
  { name: "opaque M2M", token: tokens.M2M_OPAQUE, good: true },
  { name: "API key", token: tokens.API_KEY, path: "/reports", good: true },
  { name: "OAuth JWT", token: tokens.OAUTH_JWT, good: true },
  { name: "API key and forged fields", token: tokens.API_KEY, fields: forged, good: true },
  { name: "no token" },
  { name: "forged fields alone", fields: forged },
  { name: "made up", token: junk },
  { name: "wrong signature", token: broken },
  { name: "another receiver", token: tokens.M2M_JWT_UNSCOPED },
  { name: "missing scope", token: tokens.OAUTH_JWT, path: "/reports" },
];

for (const kind of kinds.filter((kind) => kind.good)) {
  const answer = await send(kind, 0);
  if (!answer.passed) throw new Error(`${kind.name}: ${answer.status}`);
  kind.identity = identity(answer.body);
}

const counts = { sent: 0, passed: 0, wrong: 0, lost: 0 };
const statuses = {};
const wrongs = [];
async function one(number) {
  const kind = kinds[(number * 7) % kinds.length];
  const answer = await send(kind, number);
  counts.sent += 1;
  statuses[answer.status] = (statuses[answer.status] ?? 0) + 1;
  if (!answer.passed) {
    if (kind.good) counts.lost += 1;
    return;
  }
  counts.passed += 1;
  const isRight = kind.good && identity(answer.body) === kind.identity;
  if (!isRight) {
    counts.wrong += 1;
    wrongs.push(`${kind.name}: ${answer.status} ${answer.body}`);
  }
}

const total = rate * seconds;
const began = performance.now();
const pending = new Set();
for (let number = 0; number < total; ) {
  const due = Math.min(total, Math.ceil(((performance.now() - began) / 1000) * rate));
  while (number < due) {
    const request = one(number++).finally(() => pending.delete(request));
    pending.add(request);
  }
  await new Promise((resolve) => setTimeout(resolve, 2));
}
await Promise.all(pending);
const took = (performance.now() - began) / 1000;
agent.destroy();

const line = `${counts.sent} requests at ${Math.round(counts.sent / took)}/s: ${counts.passed} passed`;
console.log(`${gateway}: ${line}, ${counts.wrong} wrongly, ${counts.lost} good ones did not; ${JSON.stringify(statuses)}`);
wrongs.slice(0, 5).forEach((text) => console.log(text));
const ok = counts.wrong === 0 && counts.passed > 0;
console.log(`${ok ? "ok  " : "FAIL"} ${gateway}: nothing passes wrongly under load`);
console.log(`${ok ? 1 : 0} passed, ${ok ? 0 : 1} failed`);
process.exit(ok ? 0 : 1);
