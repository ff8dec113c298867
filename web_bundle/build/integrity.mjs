import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';

/** What `integrity` attributes, and hash sources of a policy, say about these bytes. */
export function integrityOf(content) {
  return `sha256-${createHash('sha256').update(content).digest('base64')}`;
}

/** The same of a file. */
export async function fileIntegrity(path) {
  return integrityOf(await readFile(path));
}

/** A short name for files with this content: same content, same name. */
export function contentName(contents) {
  const hash = createHash('sha256');
  for (const content of contents) hash.update(createHash('sha256').update(content).digest());
  return hash.digest('hex').slice(0, 12);
}
