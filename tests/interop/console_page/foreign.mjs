// What pages of other origins get from the console: nothing. One that came from elsewhere tries the
// ways of a browser (fetch, a form, a frame, an image), and one is reached by DNS rebinding.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { api, check, emulator, finish, launch } from './browser.mjs';

const port = new URL(emulator).port;
const browser = await launch('--host-resolver-rules=MAP attacker.example 127.0.0.1');
const server = createServer((_, answer) => {
  answer.setHeader('content-type', 'text/html');
  answer.end('<!doctype html><title>attacker</title><body>');
});
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
const elsewhere = [
  `http://attacker.example:${server.address().port}/`,
  `http://localhost:${server.address().port}/`,
];

const before = JSON.stringify((await api('GET', 'state')).machines);
for (const origin of elsewhere) {
  let page = await browser.newPage();
  await page.goto(origin);
  await check(`fetch from ${new URL(origin).hostname} reads nothing`, async () => {
    const read = await page.evaluate(async emulator => {
      const results = [];
      for (const path of ['/', '/__emulator/state', '/__emulator/requests', '/__emulator/environment']) {
        results.push(await fetch(emulator + path).then(answer => answer.text(), () => 'refused'));
      }
      return results;
    }, emulator);
    assert.deepEqual(read, ['refused', 'refused', 'refused', 'refused']);
  });
  await check(`requests from ${new URL(origin).hostname} change nothing`, async () => {
    await page.evaluate(async emulator => {
      const body = '{"name":"evil"}';
      const url = `${emulator}/__emulator/machines`;
      for (const type of ['text/plain', 'application/json']) {
        await fetch(url, { method: 'POST', body, headers: { 'content-type': type } }).catch(() => {});
        await fetch(url, { method: 'POST', body, mode: 'no-cors' }).catch(() => {});
      }
      navigator.sendBeacon(url, new Blob([body], { type: 'text/plain' }));
    }, emulator);
    const answer = page.waitForResponse(response => response.url().includes('/__emulator/machines'));
    await page.evaluate(emulator => {
      document.body.innerHTML = `<form method=post enctype=text/plain action="${emulator}/__emulator/machines"><input name='{"name":"evil","x":"' value='"}'></form>`;
      document.forms[0].submit();
    }, emulator);
    assert.equal((await answer).status(), 403);
    assert.equal(JSON.stringify((await api('GET', 'state')).machines), before);
  });
  await check(`a frame in ${new URL(origin).hostname} stays empty`, async () => {
    await page.close();
    page = await browser.newPage();
    await page.goto(origin);
    const answer = page.waitForResponse(`${emulator}/`);
    await page.evaluate(emulator => {
      document.body.append(Object.assign(document.createElement('iframe'), { src: `${emulator}/` }));
    }, emulator);
    const headers = (await answer).headers();
    const forbidden = headers['x-frame-options'] === 'DENY' || (await answer).status() === 403;
    assert.ok(forbidden);
    await page.waitForTimeout(300);
    const shown = await Promise.all(page.frames().slice(1).map(frame => frame.title().catch(() => '')));
    assert.ok(!shown.includes('Clerk emulator'), 'the page is in a frame');
  });
  await page.close();
}

await check('a name that was made to point here by DNS rebinding gets nothing', async () => {
  const page = await browser.newPage();
  const answer = await page.goto(`http://attacker.example:${port}/`);
  assert.equal(answer.status(), 403);
  const read = await page.evaluate(async () => {
    const statuses = [];
    for (const path of ['/__emulator/state', '/__emulator/requests', '/__emulator/environment']) {
      statuses.push((await fetch(path)).status);
    }
    return statuses;
  });
  assert.deepEqual(read, [403, 403, 403]);
  await page.close();
});

await check('a link from elsewhere does lead to the page', async () => {
  const page = await browser.newPage();
  await page.goto(elsewhere[0]);
  await page.evaluate(emulator => {
    document.body.append(Object.assign(document.createElement('a'), { href: `${emulator}/`, textContent: 'go' }));
  }, emulator);
  await page.getByText('go').click();
  await page.getByRole('heading', { name: 'Clerk emulator' }).waitFor();
  await page.close();
});

server.close();
await browser.close();
finish('foreign pages');
