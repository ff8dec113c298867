// node main.js FOLDER TEXT; Deno (deno run -A main.js …) and Bun (bun main.js …) take it as it is.
import { createDetector } from 'samegraph-web/node';

const [folder, text] = process.argv.slice(2);
const detector = await createDetector({ folder });
const { probability, is_fake } = await detector.detect(text);
console.log(`${is_fake ? 'AI' : 'human'}, ${probability}`);
await detector.dispose();
