import type { OnProgress } from './progress.js';
import type { ArtifactSource, Device } from './protocol.js';
import type { Mode } from './sides.js';
import { absoluteUrl, folderUrl } from './urls.js';

/** Which artifact, by one of `baseUrl` and `manifestUrl`. Relative URLs are relative to the page. */
export interface ArtifactOptions {
  /** Which model of `baseUrl` or of the server: `id` or `id@version`; its first one unless said otherwise. */
  readonly model?: string;
  /** A folder that `make web` or `make web-publish` has filled, or a Samegraph server. */
  readonly baseUrl?: string | URL;
  /** The artifact's manifest.json. */
  readonly manifestUrl?: string | URL;
  /** The graph; beside the manifest unless said otherwise. */
  readonly modelUrl?: string | URL;
  /** The tokenizer, for a graph that reads tokens; beside the manifest unless said otherwise. */
  readonly tokenizerUrl?: string | URL;
  /** The manifest's signature; beside it unless said otherwise. */
  readonly signatureUrl?: string | URL;
  /** Refuse any artifact but this one. */
  readonly expectedDigest?: string;
  /** Refuse what the owner of this key (Ed25519, 32 bytes in base64) has not signed. */
  readonly publicKey?: string;
}

/** How it is loaded and run. */
export interface LoadOptions {
  /** Keep verified files in Cache Storage, by their sha256; true unless said otherwise. */
  readonly cache?: boolean;
  /** Stops loading: the call rejects with code `aborted`. */
  readonly signal?: AbortSignal;
  /** Is told of every part of a file that comes, and of each step of loading. */
  readonly onProgress?: OnProgress;
}

/** An API key, or what gives it when it is needed; undefined where there is none yet. */
export type ApiKey = string | (() => string | undefined);

/** A server, and which side is to judge texts. */
export interface ServerOptions {
  /** Where a Samegraph server is mounted. */
  readonly server: string | URL;
  /**
   * For a server that asks for one: an API key, or what gives it for each request. It is sent to that server's origin
   * only (no redirect is followed), and kept nowhere.
   */
  readonly apiKey?: ApiKey;
  /** `prefer_client` unless said otherwise. */
  readonly mode?: Mode;
}

/** The same, where there is none. */
export interface NoServer {
  readonly server?: undefined;
  readonly mode?: 'only_client';
}

/** In a browser. */
export interface BrowserOptions extends ArtifactOptions, LoadOptions {
  /** onnxruntime's WebAssembly; beside this script unless said otherwise. */
  readonly wasmUrl?: string | URL;
  /** The worker script, of this page's origin; beside this script unless said otherwise. */
  readonly workerUrl?: string | URL;
  /** A worker of the detector's own, or this thread; unless said otherwise, this one where no worker starts. */
  readonly thread?: 'worker' | 'main';
  /**
   * `wasm` unless said otherwise. `webgpu` is for graphs that read tokens, and `auto` for those where there is real
   * graphics hardware; both return to `wasm` where it fails.
   */
  readonly device?: Exclude<Device, 'native'>;
}

/** @throws RangeError where the mode asks for a server. */
export function requireNoServer({ mode }: { readonly mode?: Mode }): void {
  if (mode !== undefined && mode !== 'only_client')
    throw new RangeError(`mode ${mode} needs a server`);
}

/**
 * Where the artifact is that the options name.
 *
 * @throws RangeError where they name none, or two.
 */
export function sourceOf(options: ArtifactOptions): ArtifactSource {
  const { model, baseUrl, manifestUrl } = options;
  if ((baseUrl === undefined) === (manifestUrl === undefined)) {
    throw new RangeError('name the artifact by one of baseUrl and manifestUrl, or name a server');
  }
  if (baseUrl !== undefined) {
    return { kind: 'catalogue', baseUrl: folderUrl(baseUrl), model: model ?? null };
  }
  return {
    kind: 'manifest',
    manifestUrl: absoluteUrl(manifestUrl as string | URL),
    modelUrl: absoluteOrNull(options.modelUrl),
    tokenizerUrl: absoluteOrNull(options.tokenizerUrl),
    signatureUrl: absoluteOrNull(options.signatureUrl),
  };
}

function absoluteOrNull(url: string | URL | undefined): string | null {
  return url === undefined ? null : absoluteUrl(url);
}
