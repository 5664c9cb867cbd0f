// A receiver with Clerk's official JavaScript client: 200 and the caller's subject, or 401.
import { createServer } from 'node:http';
import { createClerkClient } from '@clerk/backend';

const env = process.env;
const clerk = createClerkClient({
  apiUrl: env.CLERK_API_URL,
  publishableKey: env.CLERK_PUBLISHABLE_KEY,
  secretKey: env.CLERK_SECRET_KEY,
});

const server = createServer(async (incoming, answer) => {
  const request = new Request('http://receiver.test/', { headers: incoming.headers });
  const state = await clerk.authenticateRequest(request, {
    acceptsToken: 'm2m_token',
    machineSecretKey: env.CLERK_MACHINE_SECRET_KEY,
  });
  const auth = state.isAuthenticated ? state.toAuth() : undefined;
  answer.statusCode = auth ? 200 : 401;
  answer.end(auth ? auth.subject : `${state.reason}: ${state.message}`);
});
server.listen(0, '127.0.0.1', () => console.log(`listening on http://127.0.0.1:${server.address().port}`));
