import type * as Batch from './batch/view.js';
import type { Model } from './catalogue.js';
import type * as Compare from './compare/view.js';
import type * as Served from './server.js';
import type { Server } from './server.js';

/** What differs between the page on a host and the page that is a single file. */
export interface Surroundings {
  /** The models that come with the page. */
  models(): Promise<readonly Model[]>;
  /** The server that the page may ask; null where there is none. */
  server(): Promise<Server | null>;
  /** Where the library's own parts are. */
  readonly parts: { readonly workerUrl: URL; readonly wasmUrl: URL; readonly cache: boolean };
  /** What the first answer does not need. */
  readonly later: {
    batch(): Promise<typeof Batch>;
    compare(): Promise<typeof Compare>;
    served(): Promise<typeof Served>;
  };
}
