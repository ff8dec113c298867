// Runs a function in a page of Firefox, over WebDriver BiDi.
// node parity/firefox.mjs FIREFOX URL < {"function": "…", "argument": …}   prints the result as JSON
import { json } from 'node:stream/consumers';
import puppeteer from 'puppeteer-core';

const [executablePath, url] = process.argv.slice(2);
const { function: source, argument } = await json(process.stdin);
const browser = await puppeteer.launch({
  browser: 'firefox',
  executablePath,
  headless: true,
  protocolTimeout: 0, // whoever runs this says how long a function may take
});
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(120_000);
  await page.goto(url);
  const result = await page.evaluate(`(${source})(${JSON.stringify(argument)})`);
  console.log(JSON.stringify(result));
} finally {
  await browser.close();
}
