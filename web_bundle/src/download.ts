import { ArrivingDigest } from './arriving_digest.js';
import { digestOf, requireDigest, type Sha256 } from './digest.js';
import { DetectorError } from './errors.js';
import type { FileCache } from './file_cache.js';
import type { OnProgress } from './progress.js';

/** How often a transfer that broke off is taken up again where it ended. */
const RESUMPTIONS = 3;

/** What a file must be. */
export interface Verifiable {
  readonly sha256: Sha256;
  readonly bytes: number;
}

/** A file, and where it is. */
export interface WantedFile extends Verifiable {
  readonly url: string;
}

type Bytes = Uint8Array<ArrayBuffer>;

/**
 * The bytes of a file, verified: from the cache, else from the network.
 *
 * @throws DetectorError `fetch_failed` or `digest_mismatch`.
 */
export async function fetchVerified(
  file: WantedFile,
  cache: FileCache | null,
  onProgress: OnProgress,
): Promise<Bytes> {
  const cached = await cache?.read(file.sha256);
  if (cached !== undefined) {
    if ((await digestOf(cached)) === file.sha256) {
      const { url, bytes } = file;
      onProgress({ phase: 'download', url, loaded: bytes, total: bytes, source: 'cache' });
      return cached;
    }
    await cache?.remove(file.sha256);
  }
  const bytes = await fetched(file, onProgress);
  // Not awaited: nobody needs to wait for what makes the next visit quicker.
  void cache?.write(file.sha256, bytes);
  return bytes;
}

/**
 * The text at `url`, never a web page that stands in for a missing file.
 *
 * @throws DetectorError `fetch_failed`.
 */
export async function fetchText(url: string): Promise<string> {
  const response = await responseFrom(url, { cache: 'no-cache' });
  return response.text();
}

// Once more past the browser's own cache, which may hold the wrong bytes.
async function fetched(file: WantedFile, onProgress: OnProgress): Promise<Bytes> {
  const first = await transferred(file, 'default', onProgress).catch(() => undefined);
  if (first?.sha256 === file.sha256) return first.bytes;
  const { bytes, sha256 } = await transferred(file, 'reload', onProgress);
  requireDigest(file.url, file.sha256, sha256);
  return bytes;
}

interface Transferred {
  readonly bytes: Bytes;
  readonly sha256: Sha256;
}

async function transferred(
  file: WantedFile,
  cache: RequestCache,
  onProgress: OnProgress,
): Promise<Transferred> {
  const transfer = new Transfer(file, onProgress);
  for (let resumed = 0; ; resumed += 1) {
    const init: RequestInit =
      transfer.loaded === 0
        ? { cache }
        : { cache: 'no-store', headers: { range: `bytes=${transfer.loaded}-` } };
    try {
      await transfer.take(await responseFrom(file.url, init));
      return await transfer.finished();
    } catch (error) {
      if (!transfer.brokeOff || resumed === RESUMPTIONS) throw error;
    }
  }
}

/** What has come of a file, over one response or several. */
class Transfer {
  readonly #file: WantedFile;
  readonly #onProgress: OnProgress;
  readonly #bytes: Bytes;
  #digest = new ArrivingDigest();
  loaded = 0;
  /** Whether the last response ended before its time, so that the rest may be asked for. */
  brokeOff = false;

  constructor(file: WantedFile, onProgress: OnProgress) {
    this.#file = file;
    this.#onProgress = onProgress;
    this.#bytes = roomFor(file.bytes);
  }

  /** Reads what a response brings. */
  async take(response: Response): Promise<void> {
    this.brokeOff = false;
    if (!this.#continues(response)) this.#restart();
    const reader = (response.body ?? new Response('').body)?.getReader();
    try {
      for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
        this.#add(part.value as Bytes);
      }
    } catch (cause) {
      await reader?.cancel().catch(() => undefined);
      this.brokeOff = this.loaded > 0 && this.loaded < this.#file.bytes;
      if (cause instanceof DetectorError) throw cause;
      throw new DetectorError('fetch_failed', `${this.#file.url} broke off`, { cause });
    }
  }

  /** What has come, and its digest. */
  async finished(): Promise<Transferred> {
    const bytes = this.#bytes.subarray(0, this.loaded);
    return { bytes, sha256: await this.#digest.of(bytes) };
  }

  // A host without ranges sends everything again.
  #continues(response: Response): boolean {
    return (
      response.status === 206 &&
      response.headers.get('content-range')?.startsWith(`bytes ${this.loaded}-`) === true
    );
  }

  #restart(): void {
    this.#digest = new ArrivingDigest();
    this.loaded = 0;
  }

  #add(chunk: Bytes): void {
    const { url, bytes: total } = this.#file;
    if (this.loaded + chunk.length > total) {
      throw new DetectorError('digest_mismatch', `${url} is longer than its ${total} bytes`);
    }
    this.#bytes.set(chunk, this.loaded);
    this.#digest.update(chunk);
    this.loaded += chunk.length;
    this.#onProgress({ phase: 'download', url, loaded: this.loaded, total, source: 'network' });
  }
}

function roomFor(bytes: number): Bytes {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new DetectorError('out_of_memory', `there is no memory for ${bytes} bytes`, { cause });
  }
}

async function responseFrom(url: string, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init).catch((cause: unknown) => {
    throw new DetectorError('fetch_failed', `${url} could not be reached`, { cause });
  });
  if (!response.ok) throw new DetectorError('fetch_failed', `${url}: HTTP ${response.status}`);
  if (response.headers.get('content-type')?.startsWith('text/html')) {
    throw new DetectorError('fetch_failed', `${url} answered with a web page`);
  }
  return response;
}
