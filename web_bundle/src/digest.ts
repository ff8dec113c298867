import { DetectorError } from './errors.js';

/** A sha256 as 64 lower-case hex digits. */
export type Sha256 = string;

const BLOCK = 64;
const ROUNDS = 64;
const INITIAL = firstPrimes(8).map((prime) => fraction(Math.sqrt(prime)));
const CONSTANTS = Int32Array.from(firstPrimes(ROUNDS), (prime) => fraction(Math.cbrt(prime)));

/**
 * sha256 (FIPS 180-4) of bytes that come one part after another.
 *
 * Our own because SubtleCrypto takes no parts, and is missing where a page is served by plain http on an intranet.
 */
export class Sha256Stream {
  readonly #state = Int32Array.from(INITIAL);
  readonly #words = new Int32Array(ROUNDS);
  readonly #rest = new Uint8Array(BLOCK);
  #length = 0;

  /** Takes the next bytes. */
  update(bytes: Uint8Array): void {
    const waiting = this.#length % BLOCK;
    this.#length += bytes.length;
    let at = 0;
    if (waiting > 0) {
      at = Math.min(BLOCK - waiting, bytes.length);
      this.#rest.set(bytes.subarray(0, at), waiting);
      if (waiting + at < BLOCK) return;
      this.#compress(this.#rest);
    }
    const end = bytes.length - ((bytes.length - at) % BLOCK);
    this.#compress(bytes.subarray(at, end));
    this.#rest.set(bytes.subarray(end));
  }

  /** The digest of all bytes; none may come after. */
  hex(): Sha256 {
    const waiting = this.#length % BLOCK;
    const tail = new Uint8Array(waiting < BLOCK - 8 ? BLOCK : 2 * BLOCK);
    tail.set(this.#rest.subarray(0, waiting));
    tail[waiting] = 0x80;
    const view = new DataView(tail.buffer);
    view.setUint32(tail.length - 8, Math.floor(this.#length / 2 ** 29));
    view.setUint32(tail.length - 4, this.#length << 3);
    this.#compress(tail);
    return Array.from(this.#state, (word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #compress(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let offset = 0; offset + BLOCK <= bytes.length; offset += BLOCK) {
      expand(this.#words, view, offset);
      mix(this.#state, this.#words);
    }
  }
}

/** sha256 of `bytes`. */
export function sha256(bytes: Uint8Array): Sha256 {
  const stream = new Sha256Stream();
  stream.update(bytes);
  return stream.hex();
}

/** sha256 of the UTF-8 form of `text`. */
export function sha256OfText(text: string): Sha256 {
  return sha256(new TextEncoder().encode(text));
}

/** sha256 of bytes that are all here: by the browser's native code, which plain http pages have not. */
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

function expand(words: Int32Array, view: DataView, offset: number): void {
  for (let i = 0; i < 16; i++) words[i] = view.getInt32(offset + 4 * i);
  for (let i = 16; i < ROUNDS; i++) {
    const early = words[i - 15] as number;
    const late = words[i - 2] as number;
    const sigma0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3);
    const sigma1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10);
    words[i] = ((words[i - 16] as number) + sigma0 + (words[i - 7] as number) + sigma1) | 0;
  }
}

// Written out, because it runs while files arrive: arrays and loops here take three times as long.
function mix(state: Int32Array, words: Int32Array): void {
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < ROUNDS; i++) {
    const sum1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
    const choice = g ^ (e & (f ^ g));
    const first = (h + sum1 + choice + (CONSTANTS[i] as number) + (words[i] as number)) | 0;
    const sum0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
    const majority = (a & b) ^ (c & (a ^ b));
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + sum0 + majority) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

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
