import { DetectorError } from './errors.js';

/** Beside manifest.json: its Ed25519 signature (RFC 8032) in base64, by `python -m export sign`. */
export const SIGNATURE_FILE = 'manifest.json.sig';

/**
 * Lets the manifest pass only if the owner of the key has signed it.
 *
 * @param publicKey - 32 bytes in base64.
 * @throws DetectorError `not_signed`; `runtime_failed` where nothing here can verify signatures.
 */
export async function requireSignature(
  manifest: string,
  signature: string,
  publicKey: string,
): Promise<void> {
  const key = await crypto.subtle
    ?.importKey('raw', bytesOf(publicKey), 'Ed25519', false, ['verify'])
    .catch((cause: unknown) => {
      throw new DetectorError('runtime_failed', 'no Ed25519 here, or no such key', { cause });
    });
  if (key === undefined) throw new DetectorError('runtime_failed', 'signatures need https');
  const content = new TextEncoder().encode(manifest);
  if (!(await crypto.subtle.verify('Ed25519', key, bytesOf(signature), content))) {
    throw new DetectorError('not_signed', 'the manifest is not signed by publicKey');
  }
}

/** Nothing where it is not base64. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64.trim()), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
