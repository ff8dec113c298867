// JSON strings on standard input, one per line; of each, where its segments are, and how many words.
// Runs what ships: build first.
import { countWords, segments } from '../dist/npm/node.js';
import { jsonLines, printLine } from './lines.mjs';

for await (const text of jsonLines()) {
  const places = segments(text).map(({ start, end }) => [start, end]);
  printLine({ segments: places, words: countWords(text) });
}
