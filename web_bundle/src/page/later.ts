/**
 * The script that `<link id=…>` of the page names, verified against the link's `integrity`.
 *
 * A dynamic import has no integrity of its own; a module that was preloaded with one is the one that is run.
 */
export async function importLater<T>(id: string): Promise<T> {
  const link = document.getElementById(id);
  if (!(link instanceof HTMLLinkElement)) throw new Error(`the page has no link #${id}`);
  if (link.rel !== 'modulepreload') {
    await new Promise((resolve, reject) => {
      link.addEventListener('load', resolve, { once: true });
      link.addEventListener('error', () => reject(new Error(`${id} did not arrive`)), {
        once: true,
      });
      link.rel = 'modulepreload';
    });
  }
  return import(link.href);
}
