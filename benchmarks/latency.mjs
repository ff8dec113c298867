// node latency.mjs WEB_BUNDLE ARTIFACT PREDICTIONS < text: seconds per prediction as a JSON array
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [webBundle, folder, predictions] = process.argv.slice(2);
const { createDetector } = await import(pathToFileURL(`${webBundle}/dist/npm/node.js`).href);
const text = readFileSync(0, 'utf8');
const detector = await createDetector({ folder });
for (let warmUp = 0; warmUp < 10; warmUp += 1) await detector.detect(text);
const seconds = [];
for (let n = 0; n < Number(predictions); n += 1) {
  const began = performance.now();
  await detector.detect(text);
  seconds.push((performance.now() - began) / 1e3);
}
await detector.dispose();
console.log(JSON.stringify(seconds));
