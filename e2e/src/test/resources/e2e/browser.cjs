// Chromium, driven by playwright-core, visits the page of site.py, gives it a file, and prints what the page and the browser have seen
// as one line of JSON: node browser.cjs CHROMIUM ADDRESS URL KEY FILE, with the name in URL at ADDRESS, and KEY (SHA-256, in Base64)
// the only one that is believed there.

const { chromium } = require('playwright-core');

async function main([executablePath, address, url, key, file]) {
  const browser = await chromium.launch({
    executablePath,
    timeout: 0, // whoever runs this has patience, and an end of it
    args: [
      '--no-sandbox', // it is run by root
      '--disable-gpu',
      '--disable-quic',
      '--disable-background-networking',
      '--disable-component-update',
      '--ignore-certificate-errors-spki-list=' + key,
      `--host-resolver-rules=MAP ${new URL(url).hostname} ${address}`,
    ],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  const seen = { errors: [], failed: [], assets: {}, sockets: [] };
  page.on('pageerror', e => seen.errors.push(String(e)));
  page.on('requestfailed', r => seen.failed.push(new URL(r.url()).pathname));
  page.on('response', r => {
    if (r.url().includes('/asset/')) {
      seen.assets[r.status()] = (seen.assets[r.status()] ?? 0) + 1;
    }
  });
  page.on('websocket', s => {
    const counts = { sent: 0, received: 0 };
    seen.sockets.push(counts);
    s.on('framesent', () => counts.sent++);
    s.on('framereceived', () => counts.received++);
  });
  const told = page.waitForRequest('**/report');
  await page.goto(url);
  await page.setInputFiles('#file', file);
  const report = (await told).postDataJSON();
  await browser.close();
  console.log(JSON.stringify({ report, seen }));
}

main(process.argv.slice(2)).catch(e => {
  console.error(e);
  process.exit(1);
});
