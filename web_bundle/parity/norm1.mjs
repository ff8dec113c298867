// JSON strings on standard input, one per line; their norm-1 forms, likewise, on standard output.
// Runs what ships: build first.
import { norm1 } from '../dist/npm/node.js';
import { jsonLines, printLine } from './lines.mjs';

for await (const text of jsonLines()) printLine(norm1(text));
