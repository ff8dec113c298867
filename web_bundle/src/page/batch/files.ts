import { parseTable, type Table } from './tables.js';

/** More than this is refused: it would have to fit into memory several times. */
const MOST_BYTES = 50_000_000;
const TABLE = /\.(csv|tsv|tab)$/i;

/**
 * One table of everything that was dropped: a row for each text file, and the rows of each CSV.
 *
 * @throws Error that says which file could not be read, and why.
 */
export async function readFiles(files: readonly File[]): Promise<Table> {
  const tables: Table[] = [];
  for (const file of files) tables.push(await readFile(file));
  const columns = [...new Set(tables.flatMap((table) => table.columns))];
  return { columns, rows: tables.flatMap((table) => table.rows) };
}

async function readFile(file: File): Promise<Table> {
  if (file.size > MOST_BYTES) {
    throw new Error(`${file.name} is larger than ${MOST_BYTES / 1e6} MB: split it`);
  }
  const content = decoded(new Uint8Array(await file.arrayBuffer()));
  if (content.includes('\0')) throw new Error(`${file.name} is not a text file`);
  if (!TABLE.test(file.name) && file.type !== 'text/csv') {
    return { columns: ['file', 'text'], rows: [{ file: file.name, text: content }] };
  }
  try {
    return parseTable(content);
  } catch (cause) {
    throw new Error(`${file.name}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** By its byte order mark, else UTF-8, else what Windows writes. */
function decoded(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return new TextDecoder('windows-1252').decode(bytes);
  }
}
