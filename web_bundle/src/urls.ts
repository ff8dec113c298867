/** As an absolute URL; relative ones are the page's, where there is a page. */
export function absoluteUrl(url: string | URL): string {
  return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href;
}

/** The same, of a folder, so that others can be resolved against it. */
export function folderUrl(url: string | URL): string {
  const folder = new URL(absoluteUrl(url));
  if (!folder.pathname.endsWith('/')) folder.pathname += '/';
  return folder.href;
}
