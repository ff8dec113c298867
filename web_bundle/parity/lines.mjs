import { createInterface } from 'node:readline';

/** The JSON values of standard input, one per line. */
export async function* jsonLines() {
  for await (const line of createInterface({
    input: process.stdin,
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    if (line !== '') yield JSON.parse(line);
  }
}

/** `value` as one line of ASCII, so that no pipe or console can change it. */
export function printLine(value) {
  const ascii = JSON.stringify(value).replace(/[^ -~]/g, escaped);
  process.stdout.write(`${ascii}\n`);
}

function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
