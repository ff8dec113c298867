import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { contentName, fileIntegrity } from './integrity.mjs';
import { policyOf } from './policy.mjs';
import { buildPageScripts, buildServiceWorker } from './scripts.mjs';
import { filled } from './template.mjs';

/** Views that the first answer does not need: the page loads them when they are asked for. */
const LATER = ['batch', 'compare', 'key', 'server'];

/**
 * The page into `target`: index.html, server.json, and a folder named after the content of what is in it.
 *
 * @param server - where a server of another origin is that the page may ask; undefined for none.
 */
export async function writePage(root, target, server) {
  const still = join(root, 'static');
  const building = join(target, 'page-building');
  await mkdir(building);
  await buildPageScripts(root, building);
  for (const name of ['style.css', 'favicon.svg']) {
    await copyFile(join(still, name), join(building, name));
  }
  const folder = `page-${await nameOf(building)}`;
  await rename(building, join(target, folder));
  const template = await readFile(join(still, 'index.html'), 'utf8');
  const values = {
    policy: policyOf({ connect: server === undefined ? [] : [new URL(server).origin] }),
    links: await links(target, folder),
    scripts: '',
  };
  await writeFile(join(target, 'index.html'), filled(template, values));
  await writeFile(join(target, 'server.json'), `${JSON.stringify({ server: server ?? null })}\n`);
}

/**
 * The service worker, which keeps everything of the page that is small.
 *
 * @param unused - names of scripts that no model of the page needs.
 */
export async function writeServiceWorker(root, target, unused) {
  const names = (await readdir(target, { recursive: true })).sort();
  const kept = names.filter(
    (name) =>
      (/^page-.*\.(css|js|svg)$/.test(name) && !unused.includes(basename(name))) ||
      /^models\/(.*\/manifest|index)\.json$/.test(name),
  );
  const files = await Promise.all([
    fileIntegrity(join(target, 'index.html')).then((integrity) => ['./', integrity]),
    ...kept.map(async (name) => [`./${name}`, await fileIntegrity(join(target, name))]),
  ]);
  await buildServiceWorker(root, target, files, contentName(files.flat()));
}

async function nameOf(folder) {
  const names = (await readdir(folder)).sort();
  return contentName(
    (
      await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name))]))
    ).flat(),
  );
}

async function links(target, folder) {
  const integrity = async (name) =>
    `integrity="${await fileIntegrity(join(target, folder, name))}"`;
  const later = LATER.map(
    async (name) =>
      `<link id="later-${name}" rel="later" href="./${folder}/${name}.js" ${await integrity(`${name}.js`)}>`,
  );
  const lines = await Promise.all([
    `<link rel="icon" type="image/svg+xml" href="./${folder}/favicon.svg">`,
    `<link rel="stylesheet" href="./${folder}/style.css" ${await integrity('style.css')}>`,
    ...later,
    `<script type="module" src="./${folder}/app.js" ${await integrity('app.js')}></script>`,
  ]);
  return lines.join('\n');
}
