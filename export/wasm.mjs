// node wasm.mjs WEB_BUNDLE MODEL < rows as a JSON array: normalised texts, or arrays of token ids
// Prints {"probabilities": [...]}, or {"error": "..."} where onnxruntime-web cannot load or run it.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [webBundle, modelPath] = process.argv.slice(2);
const installed = createRequire(`${webBundle}/package.json`);
const ort = await import(pathToFileURL(installed.resolve('onnxruntime-web')).href);
ort.env.wasm.numThreads = 1;
ort.env.logLevel = 'error';

function feeds(row) {
  if (typeof row === 'string') return { text: new ort.Tensor('string', [row], [1]) };
  const dims = [1, row.length];
  const ids = BigInt64Array.from(row, BigInt);
  const mask = new BigInt64Array(row.length).fill(1n);
  return {
    input_ids: new ort.Tensor('int64', ids, dims),
    attention_mask: new ort.Tensor('int64', mask, dims),
  };
}

async function answer(rows) {
  let session;
  try {
    session = await ort.InferenceSession.create(readFileSync(modelPath));
  } catch (error) {
    return { error: String(error.message ?? error) };
  }
  const probabilities = [];
  try {
    for (const row of rows) {
      const { probability } = await session.run(feeds(row), ['probability']);
      probabilities.push(probability.data[0]);
    }
  } catch (error) {
    return { error: `row ${probabilities.length} does not run: ${error.message ?? error}` };
  }
  return { probabilities };
}

console.log(JSON.stringify(await answer(JSON.parse(readFileSync(0, 'utf8')))));
