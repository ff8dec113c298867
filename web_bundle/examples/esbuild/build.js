import { copyFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

await build({
  entryPoints: ['main.js'],
  bundle: true,
  minify: true,
  format: 'esm',
  splitting: true,
  target: 'es2022',
  outdir: 'dist',
});
await copyFile('index.html', 'dist/index.html');
// esbuild does not follow `new URL(…, import.meta.url)`: what the library finds beside itself goes beside the bundle.
const library = new URL('.', import.meta.resolve('samegraph-web'));
for (const name of ['worker.js', 'tokens.js', 'ort-wasm-simd-threaded.wasm']) {
  await copyFile(fileURLToPath(new URL(name, library)), `dist/${name}`);
}
