import { integrityOf, requireDigest, type Sha256, sha256 } from './digest.js';
import { asDetectorError, DetectorError } from './errors.js';

/**
 * The bytes at `url`, verified.
 *
 * @throws DetectorError `fetch_failed` or `digest_mismatch`.
 */
export async function fetchVerified(url: string, digest: Sha256): Promise<Uint8Array> {
  const checked = await fetch(url, { integrity: integrityOf(digest) }).catch(() => undefined);
  return checked?.ok ? bytesOf(checked) : refetched(url, digest);
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

// fetch() reports an unreachable host, a missing file and wrong bytes alike, so look again without
// the browser's check: to name the reason, and past a cache that may hold the wrong bytes.
async function refetched(url: string, digest: Sha256): Promise<Uint8Array> {
  const bytes = await bytesOf(await responseFrom(url, { cache: 'reload' }));
  requireDigest(url, digest, sha256(bytes));
  return bytes;
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

async function bytesOf(response: Response): Promise<Uint8Array> {
  try {
    return new Uint8Array(await response.arrayBuffer());
  } catch (cause) {
    throw asDetectorError(cause, 'fetch_failed');
  }
}
