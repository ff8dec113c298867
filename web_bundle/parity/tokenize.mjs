// Texts on standard input, as JSON strings, one per line; on standard output, likewise, {"ids": [...],
// "windows": [[...], ...]}, as the artifact's graph reads them: node parity/tokenize.mjs --artifact DIR
// Runs what ships: build first.
import { parseArgs } from 'node:util';
import { createTokenizer } from '../dist/npm/node.js';
import { jsonLines, printLine } from './lines.mjs';

const { values } = parseArgs({ options: { artifact: { type: 'string' } } });
if (values.artifact === undefined) throw new Error('--artifact DIR is missing');

const tokenize = await createTokenizer({ folder: values.artifact });
for await (const text of jsonLines()) {
  const { ids, windows } = tokenize(text);
  printLine({ ids, windows: windows.map((window) => window.ids) });
}
