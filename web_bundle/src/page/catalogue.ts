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

/** The first model of the catalogue beside the page, and where its manifest is. */
export async function firstModel(
  catalogueUrl: URL,
): Promise<CatalogueEntry & { readonly manifestUrl: URL }> {
  const entry = (await fetchCatalogue(catalogueUrl))[0];
  if (entry === undefined) throw new DetectorError('bad_manifest', 'the catalogue lists no model');
  return { ...entry, manifestUrl: new URL(entry.manifest, catalogueUrl) };
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
