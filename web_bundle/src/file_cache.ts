import type { Sha256 } from './digest.js';

const NAME = 'samegraph-files';

/** What all cached files may take together; the oldest ones go first. */
const MAX_BYTES = 256_000_000;

/** Verified files in Cache Storage, by their sha256. Whoever reads one verifies it again. */
export class FileCache {
  readonly #maxBytes: number;

  constructor(maxBytes: number = MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The bytes, unverified; undefined where there are none, or no Cache Storage (plain http). */
  async read(digest: Sha256): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return quietly(async () => {
      const found = await (await caches.open(NAME)).match(keyOf(digest));
      return found === undefined ? undefined : new Uint8Array(await found.arrayBuffer());
    });
  }

  /** Keeps verified bytes, unless there is no room for them. */
  async write(digest: Sha256, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (bytes.length > this.#maxBytes) return;
    await quietly(async () => {
      const cache = await caches.open(NAME);
      await this.#evict(cache, bytes.length);
      const headers = { 'content-length': String(bytes.length) };
      await cache.put(keyOf(digest), new Response(bytes, { headers }));
    });
  }

  async remove(digest: Sha256): Promise<void> {
    await quietly(async () => (await caches.open(NAME)).delete(keyOf(digest)));
  }

  // Keys come in the order in which they were written.
  async #evict(cache: Cache, wanted: number): Promise<void> {
    const kept: [Request, number][] = [];
    for (const key of await cache.keys()) kept.push([key, await sizeOf(cache, key)]);
    let room = this.#maxBytes - kept.reduce((total, [, bytes]) => total + bytes, 0);
    for (const [key, bytes] of kept) {
      if (room >= wanted) return;
      await cache.delete(key);
      room += bytes;
    }
  }
}

async function sizeOf(cache: Cache, key: Request): Promise<number> {
  return Number((await cache.match(key))?.headers.get('content-length') ?? 0);
}

// Never asked for over the network: a name in the shape of an address, which Cache Storage wants.
function keyOf(digest: Sha256): string {
  return new URL(`/.samegraph/sha256/${digest}`, self.location.origin).href;
}

/** A cache that is full, missing or forbidden is as good as an empty one. */
async function quietly<T>(task: () => Promise<T>): Promise<T | undefined> {
  try {
    return typeof caches === 'undefined' ? undefined : await task();
  } catch {
    return undefined;
  }
}
