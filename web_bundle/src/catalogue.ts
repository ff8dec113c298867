import { DetectorError, isDetectorError } from './errors.js';
import type { ArtifactSource } from './protocol.js';
import { SIGNATURE_FILE } from './signature.js';

/** Where the files of an artifact are. */
export interface Place {
  readonly manifestUrl: string;
  /** What the catalogue says the artifact's digest is. */
  readonly digest: string | undefined;
  file(path: string): string;
}

interface Entry {
  readonly model_id: string;
  readonly version: string;
  readonly digest: string;
}

type Read = (url: string) => Promise<string>;

/**
 * Where the artifact is: as told, or as the catalogue says that a static folder or a server holds.
 *
 * @throws DetectorError `fetch_failed`, or `bad_manifest` where the catalogue does not name the model.
 */
export async function locate(source: ArtifactSource, read: Read): Promise<Place> {
  switch (source.kind) {
    case 'manifest':
      return told(source);
    case 'catalogue':
      return (await inFolder(source, read)) ?? (await onServer(source, read));
    default:
      return source satisfies never;
  }
}

function told(source: ArtifactSource & { readonly kind: 'manifest' }): Place {
  const { manifestUrl } = source;
  const urls: Record<string, string | null> = {
    'model.onnx': source.modelUrl,
    'tokenizer.json': source.tokenizerUrl,
    [SIGNATURE_FILE]: source.signatureUrl,
  };
  const file = (path: string) => urls[path] ?? new URL(path, manifestUrl).href;
  return { manifestUrl, digest: undefined, file };
}

type Catalogue = ArtifactSource & { readonly kind: 'catalogue' };

/** Undefined where there is no models/index.json, which `make web` writes. */
async function inFolder({ baseUrl, model }: Catalogue, read: Read): Promise<Place | undefined> {
  const url = new URL('models/index.json', baseUrl).href;
  const text = await read(url).catch((cause: unknown) => {
    if (isDetectorError(cause) && cause.code === 'fetch_failed') return undefined;
    throw cause;
  });
  if (text === undefined) return undefined;
  const { models } = parsed<{ models: (Entry & { manifest: string })[] }>(text, url);
  const { manifest, digest } = chosen(models, model, url);
  const manifestUrl = new URL(manifest, url).href;
  return { manifestUrl, digest, file: (path) => new URL(path, manifestUrl).href };
}

async function onServer({ baseUrl, model }: Catalogue, read: Read): Promise<Place> {
  const url = new URL('models', baseUrl).href;
  const list = parsed<{ default_model: string; models: Entry[] }>(await read(url), url);
  const { model_id, version, digest } = chosen(list.models, model ?? list.default_model, url);
  const manifestUrl = `${url}/${encodeURIComponent(`${model_id}@${version}`)}`;
  const file = (path: string) => `${manifestUrl}/download?file=${encodeURIComponent(path)}`;
  return { manifestUrl, digest, file };
}

/** The newest of the model, or the first one of the catalogue; `id@version` names one version. */
function chosen<E extends Entry>(entries: readonly E[], model: string | null, url: string): E {
  const fitting = entries
    .filter(({ model_id, version }) =>
      model === null ? true : [model_id, `${model_id}@${version}`].includes(model),
    )
    .filter(({ model_id }, _, [first]) => model_id === first?.model_id);
  const newest = fitting.sort((a, b) => byNumbers(b.version, a.version))[0];
  if (newest === undefined) {
    const known = [...new Set(entries.map(({ model_id }) => model_id))].join(', ') || 'none';
    throw new DetectorError('bad_manifest', `${url} lists no model ${model ?? ''} (${known})`);
  }
  return newest;
}

function byNumbers(one: string, other: string): number {
  return one.localeCompare(other, 'en', { numeric: true });
}

function parsed<T extends { readonly models: readonly unknown[] }>(text: string, url: string): T {
  try {
    const value: T = JSON.parse(text);
    if (Array.isArray(value.models)) return value;
  } catch {
    // told below
  }
  throw new DetectorError('bad_manifest', `${url} is no catalogue of models`);
}
