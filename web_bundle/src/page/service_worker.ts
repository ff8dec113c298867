// Keeps the page for when there is no network. The graph and its runtime are kept by the library.
export {};

declare const self: ServiceWorkerGlobalScope;

/** Of what this version consists: paths relative to the scope, and the integrity of each. */
declare const __PRECACHE__: readonly (readonly [path: string, integrity: string])[];
declare const __VERSION__: string;

/** A host may serve several pages, each in its own folder. */
const FAMILY = `samegraph-page ${new URL(self.registration.scope).pathname} `;
const NAME = FAMILY + __VERSION__;
/** This version, and the one whose tabs may still be open. */
const KEPT = 2;
/** So long a reload waits for a network before the kept page is shown. */
const PATIENCE_MS = 3000;

self.addEventListener('install', (event) => {
  event.waitUntil(install());
});
self.addEventListener('activate', (event) => {
  event.waitUntil(activate());
});
self.addEventListener('fetch', (event) => {
  const path = pathOf(event.request);
  if (path === undefined) return;
  // A script's folder is named after its content: tabs of an earlier version find theirs.
  event.respondWith(
    path.startsWith('page-') ? keptFirst(event.request) : networkFirst(event.request),
  );
});

async function install(): Promise<void> {
  const cache = await caches.open(NAME);
  await Promise.all(
    __PRECACHE__.map(async ([path, integrity]) => cache.put(path, await verified(path, integrity))),
  );
  await self.skipWaiting();
}

async function activate(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(FAMILY) && name !== NAME);
  await Promise.all(names.slice(0, names.length + 1 - KEPT).map((name) => caches.delete(name)));
  await self.clients.claim();
}

// Once more past the browser's own cache, which may hold an earlier version.
async function verified(path: string, integrity: string): Promise<Response> {
  const response = await fetch(path, { integrity }).catch(() =>
    fetch(path, { integrity, cache: 'reload' }),
  );
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response;
}

/** The path within the scope, of a file that is kept; undefined for all else. */
function pathOf({ method, url }: Request): string | undefined {
  const { scope } = self.registration;
  const bare = url.replace(/[?#].*/s, '');
  if (method !== 'GET' || !bare.startsWith(scope)) return undefined;
  const path = bare.slice(scope.length);
  const known = __PRECACHE__.some(([kept]) => kept === `./${path}`);
  return known || path === 'index.html' || path.startsWith('page-') ? path : undefined;
}

async function keptFirst(request: Request): Promise<Response> {
  return (await kept(request)) ?? fetch(request);
}

async function networkFirst(request: Request): Promise<Response> {
  const network = fetch(request);
  const late = new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE_MS));
  const response = await Promise.race([network, late]).catch(() => undefined);
  if (response?.ok) return response;
  return (await kept(request)) ?? network;
}

/** Of this version, else of an earlier one. */
async function kept(request: Request): Promise<Response | undefined> {
  const url = request.url.replace(/index\.html$/, '');
  const names = (await caches.keys()).filter((name) => name.startsWith(FAMILY) && name !== NAME);
  for (const name of [NAME, ...names]) {
    const found = await (await caches.open(name)).match(url, { ignoreSearch: true });
    if (found !== undefined) return found;
  }
  return undefined;
}
