// A browser that notes whatever a page must not do, and a count of checks.
import { writeFileSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const emulator = process.env.EMULATOR;

let passed = 0;
let failed = 0;

/** Runs a check and counts it. */
export async function check(name, body) {
  try {
    await body();
    passed += 1;
    console.log(`ok   ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${name}: ${error.message}`);
  }
}

/** Prints the count and ends the program. */
export function finish(part) {
  console.log(`console, ${part}: ${passed} passed, ${failed} failed`);
  process.exit(failed === 0 ? 0 : 1);
}

export const launch = (...args) =>
  chromium.launch({
    executablePath: process.env.CHROMIUM,
    // In a container there is no sandbox for root, and little shared memory.
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...args],
  });

/** What pages of a context did that they must not do: errors, and requests to elsewhere. */
export function watch(context) {
  const seen = [];
  context.on('page', page => {
    page.on('console', message => {
      if (['error', 'warning'].includes(message.type())) seen.push(`console: ${message.text()}`);
    });
    page.on('pageerror', error => seen.push(`error: ${error.message}`));
    page.on('request', request => {
      const url = request.url();
      const own = url.startsWith(`${emulator}/`) || url.startsWith('data:');
      if (!own) seen.push(`foreign request: ${url}`);
    });
  });
  return seen;
}

/** Takes a picture of what is in view, for the documentation. */
export async function screenshot(page, name) {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 70 });
  writeFileSync(`${process.env.SCREENSHOTS}/console-${name}.webp`, Buffer.from(data, 'base64'));
}

/** Calls the API from outside the page. */
export async function api(method, path, body) {
  const answer = await fetch(`${emulator}/__emulator/${path}`, {
    method,
    headers: body ? { 'content-type': 'application/json' } : {},
    body: body && JSON.stringify(body),
  });
  return answer.status === 204 ? null : answer.json();
}
