// The console by the rules of axe, in light and dark, wide and on a phone; and by keyboard alone.
import assert from 'node:assert/strict';
import axe from 'axe-core';
import { api, check, emulator, finish, launch, screenshot, watch } from './browser.mjs';

const browser = await launch();
await api('POST', 'seed', {
  machines: [
    { name: 'gateway', scopedTo: ['orders', 'reports'] },
    { name: 'orders', scopedTo: ['ledger'] },
    { name: 'reports', scopedTo: ['ledger', 'orders'] },
    { name: 'ledger' },
  ],
  m2mTokens: [{ machine: 'gateway' }, { machine: 'orders' }],
  apiKeys: [{ name: 'nightly export', scopes: ['reports:read'] }],
});
const [key] = (await api('GET', 'state')).apiKeys;
await api('POST', `tokens/${key.id}/revoke`, { reason: 'leaked' });
await fetch(`${emulator}/v1/jwks`);
await api('POST', 'faults', { endpoint: 'GetJwks', effect: 'status' });

/** Shows a view in a state worth looking at. */
async function show(page, view) {
  await page.goto(`${emulator}/#${view}`);
  await page.getByText('running').waitFor();
  if (view === 'machines') {
    await page.getByRole('button', { name: 'Machine gateway', exact: true }).click();
    await page.getByRole('checkbox', { name: 'ledger' }).waitFor();
  }
  if (view === 'start') {
    await page.getByRole('textbox', { name: 'Token' }).fill('mt_unknown');
    await page.getByRole('button', { name: 'Inspect' }).click();
    await page.getByText('It would be refused.', { exact: true }).waitFor();
  }
  if (view === 'log') await page.locator('#entries summary').first().click();
  if (view === 'minted') {
    await page.goto(`${emulator}/#machines`);
    await page.getByRole('button', { name: 'Machine gateway', exact: true }).click();
    await page.getByRole('button', { name: 'Mint a token' }).click();
    await page.getByRole('dialog').waitFor();
  }
}

for (const colorScheme of ['light', 'dark']) {
  for (const [width, height] of [[1440, 900], [390, 844]]) {
    const context = await browser.newContext({ colorScheme, viewport: { width, height }, reducedMotion: 'reduce' });
    await context.addInitScript({ content: axe.source });
    const seen = watch(context);
    const page = await context.newPage();
    page.setDefaultTimeout(10_000);
    for (const view of ['start', 'machines', 'tokens', 'faults', 'log', 'minted']) {
      if (view === 'log' && width > 1200) continue;
      await check(`${view}, ${colorScheme}, ${width} px: axe finds nothing serious, and it fits`, async () => {
        await show(page, view);
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        const serious = violations.filter(found => ['serious', 'critical'].includes(found.impact));
        for (const found of violations) {
          const where = found.nodes.map(node => node.target.join(' ')).slice(0, 3).join(', ');
          console.log(`     ${found.impact} ${found.id}: ${where}`);
        }
        assert.deepEqual(serious.map(found => found.id), []);
        const excess = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(excess <= 0, `wider than the screen by ${excess} px`);
        if (view === 'machines') {
          await screenshot(page, `machines-${colorScheme}-${width}`);
        }
      });
    }
    await check(`no error in the page, ${colorScheme}, ${width} px`, () => assert.deepEqual(seen, []));
    await context.close();
  }
}

await check('a machine is created, chosen and granted by keyboard alone', async () => {
  const page = await browser.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(`${emulator}/#machines`);
  await page.getByText('running').waitFor();
  const focused = () => page.evaluate(() => {
    const element = document.activeElement;
    return element.getAttribute('aria-label') ?? element.id ?? '';
  });
  /** Goes on with Tab until the focus is where a name says. */
  const tabTo = async name => {
    for (let step = 0; step < 80; step += 1) {
      await page.keyboard.press('Tab');
      if ((await focused()) === name) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await tabTo('machine-name');
  await page.keyboard.type('keyboard');
  await page.keyboard.press('Enter');
  await page.getByRole('button', { name: 'Machine keyboard', exact: true }).waitFor();
  await tabTo('Machine keyboard');
  await page.keyboard.press('Space');
  const box = page.getByRole('checkbox', { name: 'orders', exact: true });
  await box.waitFor();
  for (let step = 0; step < 20 && !(await box.evaluate(element => element === document.activeElement)); step += 1) {
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Space');
  await page.getByRole('button', { name: 'keyboard may call orders', exact: true }).waitFor();
  assert.ok(await box.evaluate(element => element === document.activeElement), 'the focus stays');
});

await api('POST', 'reset', {});
await browser.close();
finish('rules');
