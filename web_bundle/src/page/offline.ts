/**
 * Keeps the page for when there is no network, once it has loaded; does nothing where a browser
 * has no service workers (plain http).
 */
export function keepOffline(serviceWorkerUrl: URL): void {
  if (!('serviceWorker' in navigator)) return;
  const register = () => {
    // A page that cannot be kept still works.
    navigator.serviceWorker.register(serviceWorkerUrl.href).catch(() => undefined);
  };
  if (document.readyState === 'complete') register();
  else window.addEventListener('load', register, { once: true });
}
