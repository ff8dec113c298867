import { DetectorError } from './errors.js';

/** A sha256 as 64 lower-case hex digits. */
export type Sha256 = string;

const BLOCK = 64;
const ROUNDS = 64;
const INITIAL = firstPrimes(8).map((prime) => fraction(Math.sqrt(prime)));
const CONSTANTS = firstPrimes(ROUNDS).map((prime) => fraction(Math.cbrt(prime)));

/**
 * sha256 of `bytes` (FIPS 180-4).
 *
 * Our own because SubtleCrypto is missing where a page is served by plain http on an intranet.
 */
export function sha256(bytes: Uint8Array): Sha256 {
  const state = Uint32Array.from(INITIAL);
  const words = new Uint32Array(ROUNDS);
  const whole = bytes.length - (bytes.length % BLOCK);
  compress(state, words, bytes, whole);
  const tail = padded(bytes.subarray(whole), bytes.length);
  compress(state, words, tail, tail.length);
  return Array.from(state, (word) => word.toString(16).padStart(8, '0')).join('');
}

/** sha256 of the UTF-8 form of `text`. */
export function sha256OfText(text: string): Sha256 {
  return sha256(new TextEncoder().encode(text));
}

/** sha256 by the browser's native code where it has any, which plain http pages do not. */
export async function digestOf(bytes: Uint8Array<ArrayBuffer>): Promise<Sha256> {
  if (globalThis.crypto?.subtle === undefined) return sha256(bytes);
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** @throws DetectorError `digest_mismatch` where the two differ. */
export function requireDigest(what: string, expected: Sha256, actual: Sha256): void {
  if (actual !== expected) {
    throw new DetectorError('digest_mismatch', `${what}: sha256 is ${actual}, not ${expected}`);
  }
}

function padded(rest: Uint8Array, length: number): Uint8Array {
  const block = new Uint8Array(rest.length < BLOCK - 8 ? BLOCK : 2 * BLOCK);
  block.set(rest);
  block[rest.length] = 0x80;
  const view = new DataView(block.buffer);
  view.setUint32(block.length - 8, Math.floor(length / 2 ** 29));
  view.setUint32(block.length - 4, length << 3);
  return block;
}

function compress(state: Uint32Array, words: Uint32Array, bytes: Uint8Array, end: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < end; offset += BLOCK) {
    expand(words, view, offset);
    mix(state, words);
  }
}

function expand(words: Uint32Array, view: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getUint32(offset + 4 * i);
  for (let i = 16; i < ROUNDS; i++) {
    const early = words[i - 15] as number;
    const late = words[i - 2] as number;
    const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    words[i] = (words[i - 16] as number) + sigma0 + (words[i - 7] as number) + sigma1;
  }
}

function mix(state: Uint32Array, words: Uint32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as Eight;
  for (let i = 0; i < ROUNDS; i++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = (e & f) ^ (~e & g);
    const first = (h + sum1 + choice + (CONSTANTS[i] as number) + (words[i] as number)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    [h, g, f, e, d, c, b, a] = [g, f, e, (d + first) | 0, c, b, a, (first + sum0 + majority) | 0];
  }
  for (const [i, word] of [a, b, c, d, e, f, g, h].entries()) {
    state[i] = (state[i] as number) + word;
  }
}

type Eight = [number, number, number, number, number, number, number, number];

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let n = 2; primes.length < count; n++) {
    if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  }
  return primes;
}

function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) >>> 0;
}
