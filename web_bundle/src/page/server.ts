import type { Detection } from '../detection.js';
import { DetectorError } from '../errors.js';
import { createHybridDetector, type HybridOptions } from '../hybrid.js';
import type { Manifest } from '../manifest.js';
import type { DetectOptions } from '../scorer.js';
import { ServerRefusal } from '../server_client.js';
import { folderUrl } from '../urls.js';
import type { Model } from './catalogue.js';
import { type Choice, type Judge, judgeOf, located } from './judge.js';
import type * as Key from './key.js';
import { importLater } from './later.js';
import type { Surroundings } from './surroundings.js';

/** The server's codes for a key that it does not take, by status. */
const KEY_REFUSALS = { 401: 'unauthorized', 403: 'missing_scope' };

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
  /** The API key that was typed in, if any: kept here and nowhere else. */
  readonly key: string | undefined;
  /** Asks for a key where one is wanted; the refusal in the page's words. */
  refused(refusal: ServerRefusal): Promise<DetectorError>;
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

/** The server that is mounted at `url`; null where none answers. */
export async function findServer(url: URL): Promise<Server | null> {
  const base = new URL(folderUrl(url));
  try {
    const { models } = await fetchJson<{ models: Summary[] }>(new URL('models', base));
    return new FoundServer(
      base,
      models.map((summary) => modelOf(summary, base)),
    );
  } catch {
    return null;
  }
}

/**
 * A judge for a choice that a server has a part in.
 *
 * @throws DetectorError where the model does not load, or nobody says what it is.
 */
export async function openServed(
  choice: Choice,
  server: Server,
  parts: Surroundings['parts'],
  onProgress: (progress: object) => void,
): Promise<Judge> {
  const { model, mode } = choice;
  const options: HybridOptions = {
    ...parts,
    ...(model.manifestUrl === null ? {} : located(model)),
    model: model.reference,
    server: server.url,
    apiKey: () => server.key,
    mode,
    onProgress,
  };
  const [manifest, detector] = await Promise.all([
    describedManifest(model),
    createHybridDetector(options),
  ]);
  return asking(judgeOf(choice, manifest, detector), server);
}

/** The judge, whose server asks for a key where it wants one, even where this browser stood in. */
function asking(judge: Judge, server: Server): Judge {
  const detect = async (input: string, options?: DetectOptions): Promise<Detection> => {
    try {
      const answers = await judge.detect(input, options);
      const refusal = refusalIn([answers].flat());
      if (refusal !== undefined) void server.refused(refusal).catch(() => undefined);
      return answers;
    } catch (error) {
      throw error instanceof ServerRefusal ? await server.refused(error) : error;
    }
  };
  return { ...judge, detect: detect as Judge['detect'] };
}

/** That of a key, where the other side then answered. */
function refusalIn(answers: readonly Detection[]): ServerRefusal | undefined {
  const reasons = answers[0]?.metadata.fallbacks.map(({ reason }) => reason) ?? [];
  const [status] = Object.entries(KEY_REFUSALS).find(([, code]) =>
    reasons.some((reason) => reason.includes(`answered ${code}`)),
  ) ?? [undefined];
  return status === undefined ? undefined : new ServerRefusal('', Number(status), null);
}

/** Both lists as one: what is in both, byte for byte, is one model. */
export function merged(own: readonly Model[], served: readonly Model[]): Model[] {
  const twin = (model: Model) => served.find(({ digest }) => digest === model.digest);
  const digests = own.map(({ digest }) => digest);
  return [
    ...own.map((model) => ({ ...model, ...onServer(twin(model)) })),
    ...served.filter(({ digest }) => !digests.includes(digest)),
  ];
}

function onServer(twin: Model | undefined): Partial<Model> {
  return twin === undefined ? {} : { serverManifestUrl: twin.serverManifestUrl };
}

/** For what the page says about the model; the detector reads, and verifies, its own. */
async function describedManifest({ manifestUrl, serverManifestUrl }: Model): Promise<Manifest> {
  const url = manifestUrl ?? serverManifestUrl;
  const response = url === null ? null : await fetch(url).catch(() => null);
  if (!response?.ok) throw new DetectorError('fetch_failed', 'the model’s manifest did not arrive');
  return response.json();
}

class FoundServer implements Server {
  readonly url: URL;
  readonly models: readonly Model[];
  #key: string | undefined;
  #dialog: Key.KeyDialog | undefined;

  constructor(url: URL, models: readonly Model[]) {
    this.url = url;
    this.models = models;
  }

  get key(): string | undefined {
    return this.#key;
  }

  async refused(refusal: ServerRefusal): Promise<DetectorError> {
    const script = await importLater<typeof Key>('later-key');
    const failure = script.failureOf(refusal, this.#key !== undefined);
    if (failure === undefined) return refusal;
    if (refusal.status in KEY_REFUSALS) {
      this.#dialog ??= new script.KeyDialog(this.url.host, (key) => {
        this.#key = key;
      });
      this.#dialog.ask(failure);
    }
    return new DetectorError('server_failed', refusal.message, { cause: { failure } });
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
