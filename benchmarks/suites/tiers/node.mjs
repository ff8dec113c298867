// node node.mjs WEB_BUNDLE ARTIFACT TEXT: says when TEXT is answered, then answers orders from stdin, a line of JSON each.
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { crowd, timed } from './asking.js';

const [webBundle, folder, text] = process.argv.slice(2);
const { createDetector } = await import(pathToFileURL(`${webBundle}/dist/npm/node.js`).href);
const detector = await createDetector({ folder });
await detector.detect(text);
console.log(JSON.stringify(null));
for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...order] = JSON.parse(line);
  console.log(JSON.stringify(await { timed, crowd }[name](detector, ...order)));
}
await detector.dispose();
