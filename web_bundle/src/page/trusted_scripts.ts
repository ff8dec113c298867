interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): unknown;
}

/**
 * Lets scripts whose addresses begin with `start`, and no others, run as workers, where the page's
 * policy asks for Trusted Types.
 *
 * It is the page's default policy, so that the library need not know of it.
 */
export function trustScripts(start: URL): void {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  trustedTypes?.createPolicy('default', {
    createScriptURL(url) {
      const wanted = new URL(url, document.baseURI).href;
      if (wanted.startsWith(start.href)) return wanted;
      throw new TypeError(`${wanted} is no script of this page`);
    },
  });
}
