import { readFile } from 'node:fs/promises';

/**
 * esbuild plugin: ships the table of norm-1 as gaps between its numbers, which pack into half the
 * bytes, and restores it when the script starts. The source stays the readable form.
 */
export const compactNorm1Table = {
  name: 'compact-norm1-table',
  setup(build) {
    build.onLoad({ filter: /norm1_table\.ts$/ }, async ({ path }) => ({
      contents: compactModule(tableIn(await readFile(path, 'utf8'))),
      loader: 'js',
    }));
  },
};

/** The table that the generated TypeScript holds. */
export function tableIn(source) {
  return JSON.parse(source.slice(source.lastIndexOf('= {') + 2, source.lastIndexOf(';')));
}

/** A JavaScript module that exports the same NORM1_TABLE. */
export function compactModule({ unicode, unassigned, lower, lower_expansions }) {
  return `
const restored = ([gaps, lengths, ...others]) => {
  let last = 0;
  return gaps.map((gap, i) => {
    const first = last + gap;
    last = first + lengths[i];
    return [first, last, ...others.map((column) => column[i])];
  });
};
export const NORM1_TABLE = {
  unicode: ${JSON.stringify(unicode)},
  unassigned: restored(${JSON.stringify(columns(unassigned))}),
  lower: restored(${JSON.stringify(columns(lower))}),
  lower_expansions: ${JSON.stringify(lower_expansions)},
};`;
}

/** Gaps to the row before, lengths, and the further columns as they are. */
function columns(rows) {
  const gaps = rows.map(([first], i) => first - (rows[i - 1]?.[1] ?? 0));
  const lengths = rows.map(([first, last]) => last - first);
  const others = rows[0].slice(2).map((_, i) => rows.map((row) => row[i + 2]));
  return [gaps, lengths, ...others];
}
