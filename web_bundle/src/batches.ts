import type { Encoding } from './windows.js';

/** What one run may hold at most: memory in a browser is scarce, and gains end here. */
const MAX_WINDOWS = 8;
const MAX_PADDED_TOKENS = 4096;

/** Windows as one run of the graph takes them: row after row, each `width` ids long. */
export interface Batch {
  readonly inputIds: BigInt64Array;
  readonly attentionMask: BigInt64Array;
  readonly shape: readonly [windows: number, width: number];
}

/** Which windows share a run, as indices: of like length, so that little is padded. */
export function groups(windows: readonly Encoding[]): number[][] {
  const width = (index: number) => windows[index]?.ids.length ?? 0;
  const byLength = [...windows.keys()].sort((a, b) => width(a) - width(b));
  const found: number[][] = [];
  let group: number[] = [];
  for (const index of byLength) {
    if (group.length > 0 && !fits(group.length + 1, width(index))) {
      found.push(group);
      group = [];
    }
    group.push(index);
  }
  return group.length > 0 ? [...found, group] : found;
}

/** The windows side by side, the shorter ones filled with `pad`, which the mask leaves out. */
export function batchOf(windows: readonly Encoding[], pad: number): Batch {
  const width = Math.max(...windows.map(({ ids }) => ids.length));
  const inputIds = new BigInt64Array(windows.length * width).fill(BigInt(pad));
  const attentionMask = new BigInt64Array(windows.length * width);
  for (const [row, { ids }] of windows.entries()) {
    const start = row * width;
    inputIds.set(ids.map(BigInt), start);
    attentionMask.fill(1n, start, start + ids.length);
  }
  return { inputIds, attentionMask, shape: [windows.length, width] };
}

function fits(windows: number, width: number): boolean {
  return windows <= MAX_WINDOWS && windows * width <= MAX_PADDED_TOKENS;
}
