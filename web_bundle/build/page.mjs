import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the page may do; hosts should send the same as a header. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Writes index.html, with its policy and the integrity of what it loads, and its still files. */
export async function writePage(source, target) {
  for (const name of ['style.css', 'favicon.svg']) {
    await copyFile(join(source, name), join(target, name));
  }
  const values = {
    policy: CONTENT_SECURITY_POLICY,
    'integrity:app.js': await integrity(join(target, 'app.js')),
    'integrity:style.css': await integrity(join(target, 'style.css')),
  };
  const template = await readFile(join(source, 'index.html'), 'utf8');
  await writeFile(join(target, 'index.html'), filled(template, values));
}

function filled(template, values) {
  return template.replace(/\{\{(.+?)\}\}/g, (_, name) => {
    if (values[name] === undefined) throw new Error(`index.html: nothing for {{${name}}}`);
    return values[name];
  });
}

async function integrity(path) {
  return `sha256-${createHash('sha256')
    .update(await readFile(path))
    .digest('base64')}`;
}
