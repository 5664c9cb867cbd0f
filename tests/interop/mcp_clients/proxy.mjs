// Adds a token to every request, for a client that can send none: node proxy.mjs TARGET TOKEN
import http from "node:http";

const [target, token] = process.argv.slice(2);
const { hostname, port, host } = new URL(target);

const proxy = http.createServer((request, response) => {
  const headers = { ...request.headers, authorization: `Bearer ${token}` };
  // The server checks the name by which it is called: a foreign one has to arrive as it is.
  if (headers.host === `127.0.0.1:${proxy.address().port}`) headers.host = host;
  const options = { hostname, port, path: request.url, method: request.method, headers };
  const forwarded = http.request(options, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  forwarded.on("error", () => response.destroy());
  response.on("close", () => forwarded.destroy());
  request.pipe(forwarded);
});
proxy.listen(0, "127.0.0.1", () => console.log(`PROXY_URL=http://127.0.0.1:${proxy.address().port}/mcp`));
