// node check_browser.mjs WEB_BUNDLE MODEL < normalised texts as a JSON array
// Prints {"probabilities": [...]}, or {"error": "..."} where onnxruntime-web cannot load the graph.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [webBundle, modelPath] = process.argv.slice(2);
const installed = createRequire(`${webBundle}/package.json`);
const ort = await import(pathToFileURL(installed.resolve('onnxruntime-web')).href);
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

async function answer(texts) {
  let session;
  try {
    session = await ort.InferenceSession.create(readFileSync(modelPath));
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
  const probabilities = [];
  for (const text of texts) {
    const { probability } = await session.run({ text: new ort.Tensor('string', [text], [1]) });
    probabilities.push(probability.data[0]);
  }
  return { probabilities };
}

console.log(JSON.stringify(await answer(JSON.parse(readFileSync(0, 'utf8')))));
