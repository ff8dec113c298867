// JSON strings on standard input, one per line; their token ids as the artifact's graph reads them
// (docs/windows.md, steps 1 and 2), likewise, on standard output: node parity/tokenize.mjs --artifact DIR
// Runs what ships: build first.
import { parseArgs } from 'node:util';
import { createNodeTokenizer } from '../dist/npm/node.js';
import { jsonLines, printLine } from './lines.mjs';

const { values } = parseArgs({ options: { artifact: { type: 'string' } } });
if (values.artifact === undefined) throw new Error('--artifact DIR is missing');

const tokenize = await createNodeTokenizer({ folder: values.artifact });
for await (const text of jsonLines()) printLine(tokenize(text));
