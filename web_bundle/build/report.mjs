import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants } from 'node:zlib';

/** Above this, the best brotli takes seconds: the table says about what a quick one gives. */
const LARGE = 1_000_000;

/** The files under `folder` as lines: path, bytes, bytes after brotli. */
export async function sizeTable(folder) {
  const paths = (await readdir(folder, { recursive: true })).sort();
  const rows = (await Promise.all(paths.map((path) => row(folder, path)))).filter(Boolean);
  const width = Math.max(...rows.map(([path]) => path.length));
  const line = ([path, bytes, brotli]) =>
    `  ${path.padEnd(width)}  ${bytes.padStart(12)}  ${brotli.padStart(12)}`;
  return [['file', 'bytes', 'brotli'], ...rows].map(line).join('\n');
}

async function row(folder, name) {
  const path = join(folder, name);
  if (!(await stat(path)).isFile()) return undefined;
  const content = await readFile(path);
  const large = content.length > LARGE;
  const params = { [constants.BROTLI_PARAM_QUALITY]: large ? 3 : 11 };
  const brotli = await promisify(brotliCompress)(content, { params });
  return [
    relative(folder, path),
    grouped(content.length),
    `${large ? '~ ' : ''}${grouped(brotli.length)}`,
  ];
}

function grouped(count) {
  return count.toLocaleString('en');
}
