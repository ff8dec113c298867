import { digestOf, type Sha256, Sha256Stream } from './digest.js';

/** A network this fast leaves no time to hash in: native code is quicker once all is here. */
const FAST_BYTES_PER_MS = 30_000;
const ENOUGH_BYTES = 1_000_000;

/** sha256 of a file, taken while its parts come, so that nothing is left to do after the last one. */
export class ArrivingDigest {
  readonly #began = performance.now();
  #stream: Sha256Stream | undefined = new Sha256Stream();
  #length = 0;

  update(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#isFast()) this.#stream = undefined;
    this.#stream?.update(part);
  }

  /** @param whole - all parts, joined. */
  async of(whole: Uint8Array<ArrayBuffer>): Promise<Sha256> {
    return this.#stream?.hex() ?? (await digestOf(whole));
  }

  #isFast(): boolean {
    const elapsed = performance.now() - this.#began;
    const canWait = globalThis.crypto?.subtle !== undefined;
    return canWait && this.#length > ENOUGH_BYTES && this.#length > FAST_BYTES_PER_MS * elapsed;
  }
}
