import { DetectorError } from '../errors.js';

/** A model that the static folder holds. */
export interface CatalogueEntry {
  readonly model_id: string;
  readonly version: string;
  readonly digest: string;
  readonly bytes: number;
  /** Relative to the catalogue. */
  readonly manifest: string;
}

/** A model that someone may choose: from the static folder, from a server, or from both. */
export interface Model {
  /** `id@version`. */
  readonly reference: string;
  readonly digest: string;
  readonly bytes: number;
  /** In the static folder; null where only a server has the model. */
  readonly manifestUrl: URL | null;
  /** The graph, where it is not beside the manifest. */
  readonly modelUrl?: URL;
  /** On a server; null where only the static folder has the model. */
  readonly serverManifestUrl: URL | null;
}

/** The models of the catalogue beside the page; the first is the one to start with. */
export async function staticModels(catalogueUrl: URL): Promise<Model[]> {
  const entries = await fetchCatalogue(catalogueUrl);
  if (entries.length === 0) throw new DetectorError('bad_manifest', 'the catalogue lists no model');
  return entries.map(({ model_id, version, digest, bytes, manifest }) => ({
    reference: `${model_id}@${version}`,
    digest,
    bytes,
    manifestUrl: new URL(manifest, catalogueUrl),
    serverManifestUrl: null,
  }));
}

async function fetchCatalogue(url: URL): Promise<readonly CatalogueEntry[]> {
  try {
    const response = await fetch(url, { cache: 'no-cache' });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const catalogue: { models: CatalogueEntry[] } = await response.json();
    return catalogue.models;
  } catch (cause) {
    throw new DetectorError('fetch_failed', `${url.pathname} could not be read`, { cause });
  }
}
