import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of an artifact that a browser needs. */
const SERVED = ['manifest.json', 'model.onnx'];

/** The newest version of each model under `root` that is tiny and runs in a browser. */
export async function browserArtifacts(root) {
  const artifacts = [];
  for (const id of await folders(root)) {
    const versions = (await folders(join(root, id))).sort(byVersion);
    const newest = versions.at(-1);
    if (newest === undefined) continue;
    const folder = join(root, id, newest);
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    if (manifest.runtime.browser.supported && manifest.size_category === 'tiny') {
      artifacts.push({ folder, manifest });
    }
  }
  return artifacts;
}

/** Copies artifacts, verified, to `<target>/<id>/<version>/` and lists them in index.json. */
export async function copyArtifacts(artifacts, target) {
  const models = [];
  for (const { folder, manifest } of artifacts) {
    const place = `${manifest.model_id}/${manifest.version}`;
    await mkdir(join(target, place), { recursive: true });
    await requireIntact(folder, manifest);
    for (const name of SERVED) await copyFile(join(folder, name), join(target, place, name));
    models.push(listing(manifest, place));
  }
  await writeFile(join(target, 'index.json'), `${JSON.stringify({ models }, null, 2)}\n`);
}

function listing(manifest, place) {
  const { model_id, version, digest, files } = manifest;
  const { bytes } = files.find((file) => file.path === 'model.onnx');
  return { model_id, version, digest, bytes, manifest: `${place}/manifest.json` };
}

async function requireIntact(folder, manifest) {
  const { sha256 } = manifest.files.find((file) => file.path === 'model.onnx');
  const path = join(folder, 'model.onnx');
  const actual = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  if (actual !== sha256) throw new Error(`${path}: sha256 is ${actual}, not ${sha256}`);
}

async function folders(path) {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
  return names.map((entry) => entry.name).sort();
}

/** Numbers as numbers, so that 1.10.0 comes after 1.9.0. */
function byVersion(a, b) {
  return new Intl.Collator('en', { numeric: true }).compare(a, b);
}
