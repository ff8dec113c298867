// Probabilities of the texts on standard input ({"text": "...", "explain": false} per line) by one runtime:
// node parity/run.mjs --runtime onnxruntime-web|onnxruntime-node --artifact DIR
// Prints a header line (runtime, its version, sha256 of the graph it loaded), then {"probability", "metadata"} per text.
// Runs what ships: build first.
import { parseArgs } from 'node:util';
import { createDetector } from '../dist/npm/node.js';
import { jsonLines, printLine } from './lines.mjs';

const { values } = parseArgs({
  options: {
    runtime: { type: 'string', default: 'onnxruntime-web' },
    artifact: { type: 'string' },
  },
});
if (values.artifact === undefined) throw new Error('--artifact DIR is missing');

async function installedVersion(name) {
  const { versions } = (await import(name)).env;
  return name === 'onnxruntime-node' ? versions.node : versions.web;
}

const { runtime, artifact } = values;
const detector = await createDetector({ folder: artifact, runtime });
const { modelSha256 } = detector.artifact;
printLine({ runtime, version: await installedVersion(runtime), model_sha256: modelSha256 });
for await (const { text, explain = false } of jsonLines()) {
  const { probability, metadata } = await detector.detect(text, { explain });
  printLine({ probability, metadata });
}
await detector.dispose();
