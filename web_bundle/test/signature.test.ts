import { generateKeyPairSync, sign } from 'node:crypto';
import { expect, test } from 'vitest';
import { requireSignature } from '../src/signature.js';

const MANIFEST = '{\n  "model_id": "naïve"\n}\n';
const owner = keyPair();

function keyPair() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
  return {
    publicKey: raw.toString('base64'),
    signed: (text: string) => `${sign(null, Buffer.from(text), privateKey).toString('base64')}\n`,
  };
}

test('what the owner of the key has signed passes', async () => {
  await requireSignature(MANIFEST, owner.signed(MANIFEST), owner.publicKey);
});

test.each([
  ['another text', MANIFEST.replace('n', 'm'), owner.signed(MANIFEST)],
  ['another key', MANIFEST, keyPair().signed(MANIFEST)],
  ['no base64', MANIFEST, '<!doctype html>'],
  ['nothing', MANIFEST, ''],
])('%s does not', async (_, text, signature) => {
  await expect(requireSignature(text, signature, owner.publicKey)).rejects.toMatchObject({
    code: 'not_signed',
  });
});

test.each(['', 'short', 'no base64!'])('%j is no key', async (publicKey) => {
  const signature = owner.signed(MANIFEST);
  await expect(requireSignature(MANIFEST, signature, publicKey)).rejects.toMatchObject({
    code: 'runtime_failed',
  });
});
