import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { integrityOf } from './integrity.mjs';
import { singleFilePolicy } from './policy.mjs';
import { bundledText } from './scripts.mjs';
import { filled } from './template.mjs';
import { WASM_FILE } from './wasm.mjs';

/** single.html in the static folder `page`: all that the folder holds for models that read text, in one file. */
export async function writeSingleFile(root, page) {
  const still = join(root, 'static');
  const [script, style, template] = await Promise.all([
    bundledText(root, 'src/page/single.ts'),
    inlineStyle(still),
    readFile(join(still, 'index.html'), 'utf8'),
  ]);
  const values = {
    policy: singleFilePolicy({ script: integrityOf(script), style: integrityOf(style) }),
    links: `<style>${style}</style>`,
    scripts: `<script id="held" type="application/json">${await held(page)}</script>\n<script type="module">${script}</script>`,
  };
  await writeFile(join(page, 'single.html'), filled(template, values));
}

/** What the page unpacks when it starts; base64 and JSON of ours hold no "<". */
async function held(page) {
  const { models } = JSON.parse(await readFile(join(page, 'models/index.json'), 'utf8'));
  const inText = [];
  const paths = ['worker.js', WASM_FILE];
  for (const model of models) {
    const path = `models/${model.manifest}`;
    const { input } = JSON.parse(await readFile(join(page, path), 'utf8'));
    if (input.kind !== 'text') continue;
    inText.push(model);
    paths.push(path, path.replace(/manifest\.json$/, 'model.onnx'));
  }
  const files = await Promise.all(
    paths.map(async (path) => [path, await packed(join(page, path))]),
  );
  return JSON.stringify({ catalogue: { models: inText }, files: Object.fromEntries(files) });
}

async function packed(path) {
  const bytes = await promisify(gzip)(await readFile(path), { level: 9 });
  return bytes.toString('base64');
}

async function inlineStyle(still) {
  const [style, icon] = await Promise.all([
    readFile(join(still, 'style.css'), 'utf8'),
    readFile(join(still, 'favicon.svg')),
  ]);
  const address = `data:image/svg+xml;base64,${icon.toString('base64')}`;
  return style.replaceAll('./favicon.svg', address);
}
