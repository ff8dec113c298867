// node firefox.mjs WEB_BUNDLE FIREFOX URL: opens the page, says when its text was answered, then answers orders as node.mjs.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [webBundle, executablePath, url] = process.argv.slice(2);
const { resolve } = createRequire(`${webBundle}/package.json`);
const { default: puppeteer } = await import(pathToFileURL(resolve('puppeteer-core')).href);
const browser = await puppeteer.launch({ browser: 'firefox', executablePath, headless: true, protocolTimeout: 0 });
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(url);
  await page.waitForFunction('window.tier');
  console.log(JSON.stringify(await page.evaluate('window.tier.error ?? window.tier.firstMs')));
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...order] = JSON.parse(line);
    const call = `window.tier.${name}(...${JSON.stringify(order)})`;
    console.log(JSON.stringify(await page.evaluate(call)));
  }
} finally {
  await browser.close();
}
