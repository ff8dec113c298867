import { createHash } from 'node:crypto';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** The files of an artifact that a browser needs, where it has them. */
const SERVED = ['model.onnx', 'tokenizer.json'];

/** By `python -m export sign`. */
const SIGNATURE = 'manifest.json.sig';

/** The newest version of each model under `root` that `ids` name; else of each tiny one. */
export async function browserArtifacts(root, ids) {
  const artifacts = [];
  for (const id of await folders(root)) {
    const versions = (await folders(join(root, id))).sort(byVersion);
    const newest = versions.at(-1);
    if (newest === undefined) continue;
    const folder = join(root, id, newest);
    const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
    if (ids === undefined ? isShipped(manifest) : ids.includes(id)) {
      artifacts.push({ folder, manifest });
    }
  }
  requireAll(ids ?? [], artifacts, root);
  return artifacts;
}

/** Copies artifacts, verified, to `<target>/<id>/<version>/` and lists them in index.json. */
export async function copyArtifacts(artifacts, target) {
  const models = [];
  for (const { folder, manifest } of artifacts) {
    const place = `${manifest.model_id}/${manifest.version}`;
    await mkdir(join(target, place), { recursive: true });
    await copyFile(join(folder, 'manifest.json'), join(target, place, 'manifest.json'));
    if ((await readdir(folder)).includes(SIGNATURE))
      await copyFile(join(folder, SIGNATURE), join(target, place, SIGNATURE));
    for (const file of manifest.files.filter(({ path }) => SERVED.includes(path))) {
      await requireIntact(folder, file);
      await copyFile(join(folder, file.path), join(target, place, file.path));
    }
    models.push(listing(manifest, place));
  }
  await writeFile(join(target, 'index.json'), `${JSON.stringify({ models }, null, 2)}\n`);
}

function listing(manifest, place) {
  const { model_id, version, digest, files } = manifest;
  const { bytes } = files.find((file) => file.path === 'model.onnx');
  return { model_id, version, digest, bytes, manifest: `${place}/manifest.json` };
}

function isShipped({ runtime, size_category }) {
  return runtime.browser.supported && size_category === 'tiny';
}

function requireAll(ids, artifacts, root) {
  for (const id of ids) {
    const found = artifacts.find(({ manifest }) => manifest.model_id === id);
    if (found === undefined) throw new Error(`no artifact ${id} in ${root}`);
    const { supported, reasons } = found.manifest.runtime.browser;
    if (!supported) throw new Error(`${id} does not run in a browser: ${reasons.join('; ')}`);
  }
}

async function requireIntact(folder, { path: name, sha256 }) {
  const path = join(folder, name);
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
