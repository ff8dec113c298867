import { requireDigest, type Sha256, sha256OfText } from './digest.js';
import { DetectorError } from './errors.js';
import type { ArtifactFile, Manifest } from './generated/manifest.js';

export type { ArtifactFile, Manifest } from './generated/manifest.js';

const MODEL_FILE = 'model.onnx';
const SHA256 = /^[0-9a-f]{64}$/;
const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,119}$/;

type Rule = readonly [path: string, holds: (value: unknown) => boolean, expected: string];

/** What a runtime relies on. The exporter checks the whole schema. */
const RULES: readonly Rule[] = [
  ['schema_version', (value) => value === 1, '1'],
  ['model_id', matching(/^[a-z0-9]+(-[a-z0-9]+)*(\+[a-z0-9_]+)?$/), 'a model id'],
  ['version', matching(/^[0-9]+(\.[0-9]+)*[a-z0-9.+]*$/), 'a version'],
  ['digest', matching(SHA256), 'a sha256'],
  ['task', isString, 'a string'],
  ['labels', isPairOfStrings, 'two strings'],
  ['files', isFileList, `file entries, ${MODEL_FILE} among them`],
  ['input.kind', oneOf('text', 'tokens'), 'text or tokens'],
  ['input.normalizer', oneOf('norm-1', 'identity'), 'norm-1 or identity'],
  ['outputs', Array.isArray, 'a list'],
  ['decision.threshold', isProbability, 'a number from 0 to 1'],
  ['quantization.scheme', isString, 'a string'],
  ['runtime.browser.supported', (value) => typeof value === 'boolean', 'true or false'],
  ['quality', isQuality, 'null, or rates from 0 to 1 at the threshold'],
];

/**
 * The manifest that `text` holds, once its digest is known to be that of its files and contract.
 *
 * @param expectedDigest - the artifact the caller wants, where it knows; a `sha256:` prefix is fine.
 * @throws DetectorError `bad_manifest` or `digest_mismatch`.
 */
export function parseManifest(text: string, expectedDigest?: string): Manifest {
  const manifest = validated(parsedJson(text));
  requireDigest('the manifest’s own digest', manifest.digest, artifactDigest(manifest));
  if (expectedDigest !== undefined) {
    requireDigest('the artifact', expectedDigest.replace(/^sha256:/, ''), manifest.digest);
  }
  return manifest;
}

/** sha256 over the canonical JSON (RFC 8785) of files and contract: the artifact's identity. */
export function artifactDigest(manifest: Manifest): Sha256 {
  const { task, labels, input, outputs, decision, quantization } = manifest;
  const contract = { task, labels, input, outputs, decision, quantization };
  const files = [...manifest.files].sort((a, b) => (a.path < b.path ? -1 : 1));
  return sha256OfText(canonicalJson({ files, contract }));
}

/** The graph file's entry. */
export function modelFile(manifest: Manifest): ArtifactFile {
  const model = manifest.files.find((file) => file.path === MODEL_FILE);
  if (model === undefined) throw new DetectorError('bad_manifest', `${MODEL_FILE} is not listed`);
  return model;
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DetectorError('bad_manifest', 'the manifest is not JSON', { cause });
  }
}

function validated(value: unknown): Manifest {
  for (const [path, holds, expected] of RULES) {
    if (!holds(at(value, path))) {
      throw new DetectorError('bad_manifest', `manifest: ${path} is not ${expected}`);
    }
  }
  return value as Manifest;
}

/** Canonical JSON (RFC 8785) of a value that came out of JSON.parse. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key])}`);
  return `{${members.join()}}`;
}

function at(value: unknown, path: string): unknown {
  return path.split('.').reduce((found, key) => (isRecord(found) ? found[key] : undefined), value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isString(value: unknown): value is string {
  return typeof value === 'string';
}

function isProbability(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value <= 1;
}

function isQuality(value: unknown): boolean {
  if (value === null) return true;
  return (
    isProbability(at(value, 'fpr_at_threshold')) && isProbability(at(value, 'tpr_at_threshold'))
  );
}

function isPairOfStrings(value: unknown): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isString);
}

function isFileList(value: unknown): boolean {
  if (!Array.isArray(value) || !value.every(isFile)) return false;
  const paths = value.map((file) => file.path);
  return paths.includes(MODEL_FILE) && new Set(paths).size === paths.length;
}

function isFile(value: unknown): value is ArtifactFile {
  return (
    isRecord(value) &&
    matching(FILE_NAME)(value.path) &&
    matching(SHA256)(value.sha256) &&
    Number.isSafeInteger(value.bytes)
  );
}

function matching(pattern: RegExp): (value: unknown) => boolean {
  return (value) => isString(value) && pattern.test(value);
}

function oneOf(...allowed: string[]): (value: unknown) => boolean {
  return (value) => isString(value) && allowed.includes(value);
}
