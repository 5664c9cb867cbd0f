// The story of the console, told by its own controls: two machines, a grant, a token, a revocation, an
// outage; with the curl lines that the page shows, and a real service with the settings that it shows.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { check, emulator, finish, launch, screenshot, watch } from './browser.mjs';

const run = promisify(execFile);
const browser = await launch();
const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: emulator });
const seen = watch(context);
const page = await context.newPage();
page.setDefaultTimeout(10_000);

const button = name => page.getByRole('button', { name, exact: true });
const open = name => page.getByRole('navigation').getByRole('link', { name }).click();
const text = id => page.locator(`#${id}`).textContent();
const arrow = page.getByRole('button', { name: 'billing may call orders', exact: true });
const log = page.getByRole('region', { name: 'Log of requests' });

/** Runs a curl line as it is shown, and returns the status of its answer. */
async function curl(line) {
  const { stdout } = await run('bash', ['-c', line.replace('curl -i', 'curl -s -i')]);
  return Number(stdout.match(/^HTTP\/[\d.]+ (\d+)/)[1]);
}

async function create(name) {
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: `Machine ${name}`, exact: true }).waitFor();
}

/** The service under test: started with the settings that the page shows. */
async function start(settings) {
  const variables = Object.fromEntries(settings.split('\n').map(line => line.split(/=(.*)/s)));
  const service = spawn(process.env.PROTECTED_API, {
    env: { ...process.env, ...variables, LISTEN: '127.0.0.1:0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const url = await new Promise((resolve, reject) => {
    let output = '';
    service.stdout.on('data', chunk => {
      output += chunk;
      const listening = output.match(/^listening on (\S+)/m);
      if (listening) resolve(listening[1]);
    });
    service.on('exit', () => reject(new Error('the service did not start')));
  });
  return { service, url };
}

await page.goto(emulator);
await check('two machines are created, and no arrow joins them', async () => {
  await open(/^Machines/);
  await create('orders');
  await create('billing');
  assert.equal(await arrow.count(), 0);
});

await check('a grant by click draws the arrow', async () => {
  await page.getByRole('button', { name: 'Machine billing', exact: true }).click();
  await page.getByRole('checkbox', { name: 'orders', exact: true }).check();
  await arrow.waitFor();
});

let service;
await check('a service starts with the settings that the page shows', async () => {
  await open('Start');
  await page.getByLabel('The service is').selectOption({ label: 'orders' });
  await page.waitForFunction(() => document.getElementById('snippet').textContent.includes('CLERK_MACHINE_ID='));
  for (const kind of ['Rust', 'Node', 'Python', '.env']) await page.getByLabel(kind, { exact: true }).check();
  await page.waitForFunction(() => document.getElementById('snippet').textContent.startsWith('CLERK_API_URL='));
  await button('Copy the settings').click();
  const settings = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(settings, await text('snippet'));
  service = await start(settings);
});

let revoked;
await check('a token is minted once, and its curl lines are answered with 200', async () => {
  await open(/^Machines/);
  await page.getByRole('button', { name: 'Machine billing', exact: true }).click();
  await button('Mint a token').click();
  const dialog = page.getByRole('dialog', { name: 'M2M token of billing' });
  await dialog.getByLabel('Call your service').fill(`${service.url}/whoami`);
  await dialog.getByRole('combobox').selectOption({ label: 'orders' });
  await page.waitForFunction(() => document.getElementById('curl-verify').textContent.includes('m2m_tokens/verify'));
  revoked = { token: await text('minted-token'), service: await text('curl-service'), verify: await text('curl-verify') };
  assert.match(revoked.token, /^mt_/);
  assert.equal(await curl(revoked.verify), 200);
  assert.equal(await curl(revoked.service), 200);
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.equal(await text('minted-token'), '', 'it is not kept in the page');
});

await check('it is revoked by click, verified no more, and the log says why', async () => {
  await open(/^Tokens/);
  await page.getByLabel('Filter the tokens').fill('billing');
  await page.getByRole('button', { name: /^Revoke mt_/ }).click();
  await page.getByText('revoked', { exact: true }).waitFor();
  assert.equal(await curl(revoked.verify), 404);
  await log.getByText(/^revoked .+ ago$/).waitFor();
  await screenshot(page, 'tokens');
});

await check('the inspector says why it would be refused', async () => {
  await open('Start');
  await page.getByRole('textbox', { name: 'Token' }).fill(revoked.token);
  await page.getByRole('combobox', { name: 'Received by' }).selectOption({ label: 'orders' });
  await button('Inspect').click();
  await page.getByText('It would be refused.', { exact: true }).waitFor();
  await page.locator('#report').getByText(/^revoked .+ ago$/).waitFor();
  await screenshot(page, 'start');
});

let second;
await check('an outage by click: the service answers 503, and the log says why', async () => {
  await open(/^Tokens/);
  await page.getByLabel('Machine that sends it').selectOption({ label: 'billing' });
  await button('Mint').click();
  await page.getByRole('dialog', { name: 'M2M token of billing' }).waitFor();
  second = { token: await text('minted-token'), service: await text('curl-service') };
  await button('Done').click();
  await open(/^Faults/);
  await page.getByRole('switch', { name: 'Fault: Every request' }).click();
  await page.getByText('answered 503', { exact: true }).waitFor();
  assert.equal(await curl(second.service), 503);
  await log.getByText('a fault answered 503').first().waitFor();
  await screenshot(page, 'faults');
});

await check('without the fault the service accepts it; an hour later it has expired', async () => {
  await page.getByRole('switch', { name: 'Fault: Every request' }).click();
  await page.getByText('answered 503', { exact: true }).waitFor({ state: 'detached' });
  let status = 503;
  // The service asks again when its breaker lets it.
  for (let attempt = 0; attempt < 40 && status === 503; attempt += 1) {
    await new Promise(resolve => setTimeout(resolve, 500));
    status = await curl(second.service);
  }
  assert.equal(status, 200);
  await button('+1 hour').click();
  await open('Start');
  await page.getByRole('textbox', { name: 'Token' }).fill(`Bearer ${second.token}`);
  await button('Inspect').click();
  await page.locator('#report').getByText(/^expired .+ ago$/).waitFor();
});

await check('an entry of the log shows the whole exchange, and the log is filtered and paused', async () => {
  await log.getByLabel('Filter the log').fill('revoked');
  const entry = log.getByRole('listitem').first();
  await entry.locator('summary').click();
  await entry.getByText('"resource_not_found"').waitFor();
  await log.getByRole('button', { name: 'Pause' }).click();
  await log.getByLabel('Filter the log').fill('');
  const before = await text('log-count');
  await fetch(`${emulator}/v1/jwks`);
  await new Promise(resolve => setTimeout(resolve, 2500));
  assert.equal(await text('log-count'), before);
  await log.getByRole('button', { name: 'Pause' }).click();
  await page.waitForFunction(before => document.getElementById('log-count').textContent !== before, before);
});

await check('an arrow is chosen by keyboard, and the permission taken back', async () => {
  await open(/^Machines/);
  await arrow.focus();
  await page.keyboard.press('Enter');
  await page.getByText('billing may call orders.', { exact: true }).waitFor();
  await screenshot(page, 'arrow');
  await button('Take the permission back').focus();
  await page.keyboard.press('Space');
  await arrow.waitFor({ state: 'detached' });
});

await check('a secret is rotated, a key is replaced, a machine deleted', async () => {
  await page.getByRole('button', { name: 'Machine billing', exact: true }).click();
  await button('Rotate the secret key').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Rotate', exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'New secret key of billing' });
  await dialog.waitFor();
  assert.match(await text('minted-token'), /^ak_/);
  await button('Done').click();
  await button('Delete').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete', exact: true }).click();
  await page.getByRole('button', { name: 'Machine billing', exact: true }).waitFor({ state: 'detached' });
  await open(/^Faults/);
  const before = await page.locator('#keys code').first().textContent();
  await button('Rotate, keep the old key').click();
  await page.waitForFunction(before => document.querySelector('#keys code').textContent !== before, before);
});

await check('a reset returns to the start', async () => {
  await button('Reset').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Reset', exact: true }).click();
  await open(/^Machines/);
  await page.getByRole('button', { name: 'Machine orders', exact: true }).waitFor({ state: 'detached' });
  await log.getByText('No request has come yet', { exact: false }).waitFor();
});

await check('no error in the page, and no request to elsewhere', () => assert.deepEqual(seen, []));

service?.service.kill();
await browser.close();
finish('story');
