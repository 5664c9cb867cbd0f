// A service behind a gateway that answers with what arrived: node upstream.mjs PORT
import http from "node:http";

const server = http.createServer((request, response) => {
  let body = 0;
  request.on("data", (chunk) => (body += chunk.length));
  request.on("end", () => {
    const raw = request.rawHeaders;
    const fields = raw.flatMap((name, at) => (at % 2 ? [] : [[name, raw[at + 1]]]));
    const arrived = { server: "node", method: request.method, path: request.url, body, fields };
    response.writeHead(200, { "X-Upstream": "node", "Content-Type": "application/json" });
    response.end(request.method === "HEAD" ? undefined : JSON.stringify(arrived));
  });
});
server.listen(Number(process.argv[2]), "127.0.0.1");
