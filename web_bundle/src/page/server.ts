import type { Model } from './catalogue.js';

/** Whether a backend of the server could run a model now. */
export interface Availability {
  readonly available: boolean;
  /** The server's words; null where there is nothing to say. */
  readonly reason: string | null;
}

/** The server that this page may ask. */
export interface Server {
  /** Where it is mounted, with a slash at the end. */
  readonly url: URL;
  readonly models: readonly Model[];
  /** Of the backend named, for the model `id@version`. */
  availability(backend: 'local' | 'modal', reference: string): Promise<Availability>;
}

interface Summary {
  readonly model_id: string;
  readonly version: string;
  readonly digest: string;
  readonly size_bytes: number;
  readonly manifest_url: string;
}

interface BackendState {
  readonly backend: string;
  readonly models: readonly (Availability & {
    readonly model: string;
    readonly detail: string | null;
  })[];
}

/**
 * The server that server.json, at `url`, names; null where it names none, or none answers.
 *
 * A server that hands out this page names itself there.
 */
export async function findServer(url: URL): Promise<Server | null> {
  try {
    const { server } = await fetchJson<{ server: string | null }>(url);
    if (server === null) return null;
    const base = new URL(server, url);
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    const { models } = await fetchJson<{ models: Summary[] }>(new URL('models', base));
    return new FoundServer(
      base,
      models.map((summary) => modelOf(summary, base)),
    );
  } catch {
    return null;
  }
}

class FoundServer implements Server {
  readonly url: URL;
  readonly models: readonly Model[];

  constructor(url: URL, models: readonly Model[]) {
    this.url = url;
    this.models = models;
  }

  async availability(backend: 'local' | 'modal', reference: string): Promise<Availability> {
    const url = new URL('backends', this.url);
    const { backends } = await fetchJson<{ backends: BackendState[] }>(url);
    const models = backends.find((state) => state.backend === backend)?.models ?? [];
    const found = models.find(({ model }) => model === reference);
    if (found === undefined) {
      return { available: false, reason: 'the server does not have this model' };
    }
    return { available: found.available, reason: found.detail ?? found.reason };
  }
}

function modelOf(summary: Summary, base: URL): Model {
  const { model_id, version, digest, size_bytes, manifest_url } = summary;
  return {
    reference: `${model_id}@${version}`,
    digest,
    bytes: size_bytes,
    manifestUrl: null,
    serverManifestUrl: new URL(manifest_url, base),
  };
}

async function fetchJson<T>(url: URL): Promise<T> {
  const response = await fetch(url, { cache: 'no-cache' });
  if (!response.ok) throw new Error(`${url.pathname}: HTTP ${response.status}`);
  return response.json();
}
