import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { wasmPath } from '../build/wasm.mjs';
import { createDetector, type NodeOptions } from '../src/node.js';
import type { Detector } from '../src/scorer.js';

/** The folders of the committed artifacts (test/fixtures/README.md). */
export const FIXTURE = fileURLToPath(new URL('fixtures/fixture-tiny', import.meta.url));
export const TOKENS_FIXTURE = fileURLToPath(new URL('fixtures/fixture-tokens', import.meta.url));

export const MANIFEST_TEXT = readFileSync(`${FIXTURE}/manifest.json`, 'utf8');

/** A detector in this thread: workers run what is built, not these sources. */
export function detectorHere(options: NodeOptions): Promise<Detector> {
  return createDetector({ ...options, thread: 'main', wasmUrl: pathToFileURL(wasmPath()) });
}

export interface GoldenVector {
  readonly text: string;
  readonly normal: string;
  readonly probability: number;
  /** Of fixture-tokens only. */
  readonly ids?: readonly number[];
  readonly windows?: number;
}

export function goldenVectors(folder: string): GoldenVector[] {
  const lines = readFileSync(`${folder}/golden.jsonl`, 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line));
}
