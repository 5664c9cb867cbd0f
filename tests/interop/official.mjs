// Clerk's official JavaScript client against the emulator.
import assert from 'node:assert/strict';
import { createClerkClient } from '@clerk/backend';

const apiUrl = process.env.CLERK_API_URL;

/** Steers the emulator. */
async function emulator(method, path, body) {
  const answer = await fetch(`${apiUrl}/__emulator/${path}`, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.status === 204 ? null : answer.json();
}

const env = await emulator('GET', 'environment');
const publishableKey = env.CLERK_PUBLISHABLE_KEY;
const jwtKey = env.CLERK_JWT_KEY.replaceAll('\\n', '\n');
const clerk = createClerkClient({ apiUrl, publishableKey, secretKey: env.CLERK_SECRET_KEY });
const user = (await emulator('GET', 'new_user_id')).id;

let passed = 0;
let failed = 0;
async function check(name, body) {
  try {
    await body();
    passed += 1;
  } catch (error) {
    failed += 1;
    console.log(`FAILED js ${name}: ${error?.message} ${JSON.stringify(error?.errors ?? '')}`);
  }
}

/** Asserts that a call is refused with this status. */
async function refused(status, call) {
  await assert.rejects(call, error => {
    assert.equal(error.status, status);
    assert.ok(error.errors?.length ?? error.cause, 'the error body was read');
    return true;
  });
}

// --- machines -------------------------------------------------------------------------------
const receiver = await clerk.machines.create({ name: 'receiver' });
const sender = await clerk.machines.create({
  name: 'sender',
  scopedMachines: [receiver.id],
  defaultTokenTtl: 600,
});
const stranger = await clerk.machines.create({ name: 'stranger' });

await check('machines.create', () => {
  assert.match(sender.id, /^mch_\w{27}$/);
  assert.ok(sender.secretKey.startsWith('ak_'));
  assert.equal(sender.defaultTokenTtl, 600);
  assert.equal(sender.scopedMachines[0].id, receiver.id);
});
await check('machines.get', async () => {
  const machine = await clerk.machines.get(sender.id);
  assert.equal(machine.name, 'sender');
  assert.equal(machine.secretKey, undefined);
});
await check('machines.list', async () => {
  const list = await clerk.machines.list({ limit: 2, offset: 0, orderBy: '+name', query: 'e' });
  assert.ok(list.totalCount >= 3);
  const names = list.data.map(machine => machine.name);
  assert.deepEqual(names, names.toSorted());
  assert.equal(list.data.length, 2);
  const found = await clerk.machines.list({ query: 'receiver' });
  assert.equal(found.data[0].id, receiver.id);
});
await check('machines.update', async () => {
  const machine = await clerk.machines.update({ machineId: stranger.id, name: 'renamed', defaultTokenTtl: 60 });
  assert.deepEqual([machine.name, machine.defaultTokenTtl], ['renamed', 60]);
});
await check('machines.createScope and deleteScope', async () => {
  const scope = await clerk.machines.createScope(sender.id, stranger.id);
  assert.deepEqual([scope.fromMachineId, scope.toMachineId], [sender.id, stranger.id]);
  await refused(409, clerk.machines.createScope(sender.id, stranger.id));
  const gone = await clerk.machines.deleteScope(sender.id, stranger.id);
  assert.equal(gone.deleted, true);
  await refused(404, clerk.machines.deleteScope(sender.id, stranger.id));
});
await check('machines.getSecretKey and rotateSecretKey', async () => {
  assert.equal((await clerk.machines.getSecretKey(stranger.id)).secret, stranger.secretKey);
  const rotated = await clerk.machines.rotateSecretKey({ machineId: stranger.id, previousTokenTtl: 60 });
  assert.notEqual(rotated.secret, stranger.secretKey);
  await clerk.m2m.createToken({ machineSecretKey: stranger.secretKey });
  await clerk.m2m.createToken({ machineSecretKey: rotated.secret });
  await clerk.machines.rotateSecretKey({ machineId: stranger.id, previousTokenTtl: 0 });
  await refused(401, clerk.m2m.createToken({ machineSecretKey: rotated.secret }));
  await refused(422, clerk.machines.rotateSecretKey({ machineId: stranger.id, previousTokenTtl: 28801 }));
});
await check('machines.delete', async () => {
  const machine = await clerk.machines.create({ name: 'short-lived' });
  await clerk.machines.delete(machine.id);
  await refused(404, clerk.machines.get(machine.id));
});

// --- M2M tokens -----------------------------------------------------------------------------
const machineSecretKey = sender.secretKey;
const opaque = await clerk.m2m.createToken({ machineSecretKey, claims: { tenant: 7 }, secondsUntilExpiration: 300 });
const jwt = await clerk.m2m.createToken({ machineSecretKey, tokenFormat: 'jwt', claims: { tenant: 8 } });

await check('m2m.createToken', async () => {
  assert.ok(opaque.token.startsWith('mt_'));
  assert.deepEqual(opaque.scopes, [receiver.id]);
  assert.deepEqual(opaque.claims, { tenant: 7 });
  assert.equal(jwt.token.split('.').length, 3);
  const endless = await clerk.m2m.createToken({ machineSecretKey, secondsUntilExpiration: null });
  assert.equal(endless.expiration, null);
  const wish = { machineSecretKey, claims: { pool: 1 }, minRemainingTtlSeconds: 60 };
  const pooled = await clerk.m2m.createToken(wish);
  assert.equal((await clerk.m2m.createToken(wish)).id, pooled.id);
  await refused(401, clerk.m2m.createToken({ machineSecretKey: 'ak_wrong' }));
});
await check('m2m.list', async () => {
  const list = await clerk.m2m.list({ subject: sender.id, revoked: true, expired: true, limit: 1, offset: 1 });
  assert.ok(list.totalCount >= 3);
  const own = await clerk.m2m.list({ subject: sender.id, machineSecretKey });
  assert.ok(own.data.some(token => token.id === opaque.id));
  await refused(403, clerk.m2m.list({ subject: receiver.id, machineSecretKey }));
});
await check('m2m.verify opaque', async () => {
  const seen = await clerk.m2m.verify({ token: opaque.token, machineSecretKey: receiver.secretKey });
  assert.deepEqual([seen.id, seen.subject, seen.claims], [opaque.id, sender.id, { tenant: 7 }]);
  await refused(404, clerk.m2m.verify({ token: opaque.token, machineSecretKey }));
  await refused(404, clerk.m2m.verify({ token: 'mt_unknown' }));
});
await check('m2m.verify JWT', async () => {
  const seen = await clerk.m2m.verify({ token: jwt.token });
  assert.deepEqual([seen.id, seen.subject, seen.claims], [jwt.id, sender.id, { tenant: 8 }]);
});
await check('m2m.revokeToken', async () => {
  const token = await clerk.m2m.createToken({ machineSecretKey });
  const revoked = await clerk.m2m.revokeToken({ m2mTokenId: token.id, machineSecretKey, revocationReason: 'test' });
  assert.deepEqual([revoked.revoked, revoked.revocationReason], [true, 'test']);
  await refused(404, clerk.m2m.verify({ token: token.token }));
});

// --- API keys -------------------------------------------------------------------------------
const key = await clerk.apiKeys.create({
  name: 'js key', subject: user, scopes: ['reports:read'], claims: { plan: 'pro' },
  description: 'made by a test', createdBy: user, secondsUntilExpiration: 3600,
});

await check('apiKeys.create', async () => {
  assert.match(key.id, /^ak_[0-9a-f]{32}$/);
  assert.deepEqual([key.scopes, key.claims, key.createdBy], [['reports:read'], { plan: 'pro' }, user]);
  await refused(409, clerk.apiKeys.create({ name: 'js key', subject: user }));
});
await check('apiKeys.get, getSecret and list', async () => {
  assert.equal((await clerk.apiKeys.get(key.id)).name, 'js key');
  assert.equal((await clerk.apiKeys.getSecret(key.id)).secret, key.secret);
  const list = await clerk.apiKeys.list({ subject: user, includeInvalid: true, limit: 10, offset: 0 });
  assert.ok(list.data.some(other => other.id === key.id));
});
await check('apiKeys.verify', async () => {
  assert.equal((await clerk.apiKeys.verify(key.secret)).id, key.id);
  await refused(404, clerk.apiKeys.verify('ak_unknown'));
});
await check('apiKeys.update', async () => {
  const changed = await clerk.apiKeys.update({ apiKeyId: key.id, subject: user, scopes: ['a'], description: null });
  assert.deepEqual([changed.scopes, changed.description], [['a'], null]);
  await clerk.apiKeys.update({ apiKeyId: key.id, subject: user, scopes: ['reports:read'] });
});
await check('apiKeys.revoke and delete', async () => {
  const other = await clerk.apiKeys.create({ name: 'js other', subject: user });
  assert.equal((await clerk.apiKeys.revoke({ apiKeyId: other.id, revocationReason: 'test' })).revoked, true);
  await refused(404, clerk.apiKeys.verify(other.secret));
  assert.equal((await clerk.apiKeys.delete(other.id)).deleted, true);
  await refused(404, clerk.apiKeys.get(other.id));
});

// --- OAuth access tokens and keys -----------------------------------------------------------
const scopes = ['profile', 'reports:read'];
const oauth = await emulator('POST', 'oauth_tokens', { subject: user, scopes });
const oauthJwt = await emulator('POST', 'oauth_tokens', { subject: user, scopes, format: 'jwt' });

await check('idPOAuthAccessToken.verify', async () => {
  const seen = await clerk.idPOAuthAccessToken.verify(oauth.token);
  assert.deepEqual([seen.subject, seen.scopes], [user, scopes]);
  await refused(404, clerk.idPOAuthAccessToken.verify('oat_unknown'));
});
await check('jwks.getJwks', async () => {
  const set = await clerk.jwks.getJwks();
  assert.equal(set.keys[0].kty, 'RSA');
});

// --- authenticateRequest --------------------------------------------------------------------
/** Authenticates a request that bears a token. */
function authenticate(token, options = {}) {
  const { secretKey = env.CLERK_SECRET_KEY, ...rest } = options;
  const client = createClerkClient({ apiUrl, publishableKey, secretKey });
  const request = new Request('http://service.test/', { headers: { authorization: `Bearer ${token}` } });
  return client.authenticateRequest(request, { acceptsToken: 'any', ...rest });
}

async function signedIn(name, token, type, options) {
  await check(`authenticateRequest ${name}`, async () => {
    const state = await authenticate(token, options);
    assert.equal(state.isAuthenticated, true, `${state.reason} ${state.message}`);
    assert.equal(state.tokenType, type);
    return state.toAuth();
  });
}

async function signedOut(name, token, options) {
  await check(`authenticateRequest refuses ${name}`, async () => {
    assert.equal((await authenticate(token, options)).isAuthenticated, false);
  });
}

await signedIn('opaque M2M under the instance secret', opaque.token, 'm2m_token');
await signedIn('opaque M2M under the machine secret', opaque.token, 'm2m_token', {
  acceptsToken: 'm2m_token', machineSecretKey: receiver.secretKey,
});
await signedIn('M2M JWT by the key set', jwt.token, 'm2m_token');
await signedIn('M2M JWT by the PEM', jwt.token, 'm2m_token', { jwtKey });
await signedIn('API key', key.secret, 'api_key');
await signedIn('opaque OAuth token', oauth.token, 'oauth_token');
await signedIn('OAuth JWT by the key set', oauthJwt.token, 'oauth_token');
await signedIn('OAuth JWT by the PEM', oauthJwt.token, 'oauth_token', { jwtKey });
await signedOut('an M2M token for another machine', opaque.token, {
  acceptsToken: 'm2m_token', machineSecretKey,
});
await signedOut('an unknown M2M token', 'mt_unknown');
await signedOut('an unknown API key', 'ak_unknown');
await signedOut('a broken JWT', `${jwt.token.slice(0, -6)}AAAAAA`, { jwtKey });
await signedOut('a kind that is not accepted', key.secret, { acceptsToken: ['m2m_token'] });

// --- the emulator, steered while a client looks ----------------------------------------------
await check('a token that is revoked from outside is refused, and the log says why', async () => {
  await emulator('POST', `tokens/${oauth.id}/revoke`, { reason: 'leaked' });
  await refused(404, clerk.idPOAuthAccessToken.verify(oauth.token));
  const log = await emulator('GET', 'requests?endpoint=VerifyOAuthToken&limit=1');
  assert.match(log[0].reason, /^revoked .* ago: leaked$/);
});
await check('an outage reaches the client, and ends', async () => {
  const fault = await emulator('POST', 'faults', { endpoint: 'VerifyApiKey', effect: 'status', status: 503 });
  await refused(503, clerk.apiKeys.verify(key.secret));
  await emulator('DELETE', `faults/${fault.id}`);
  assert.equal((await clerk.apiKeys.verify(key.secret)).id, key.id);
});

console.log(`js: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
