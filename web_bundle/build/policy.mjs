/**
 * What the page may do, as its Content Security Policy; hosts should send the same as a header.
 *
 * @param connect - further origins it may ask.
 */
export function policyOf({ connect = [] } = {}) {
  return joined({
    'script-src': ["'self'", "'wasm-unsafe-eval'"],
    'style-src': ["'self'"],
    'img-src': ["'self'"],
    'connect-src': ["'self'", ...connect],
    'worker-src': ["'self'"],
  });
}

/** The policy of the page that is a single file: nothing but what is in it. */
export function singleFilePolicy({ script, style }) {
  return joined({
    'script-src': [`'${script}'`, "'wasm-unsafe-eval'"],
    'style-src': [`'${style}'`],
    'img-src': ['data:'],
    'connect-src': ['data:'],
    'worker-src': ['data:'],
  });
}

function joined(allowed) {
  return [
    "default-src 'none'",
    ...Object.entries(allowed).map(([name, sources]) => `${name} ${sources.join(' ')}`),
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    'trusted-types default',
  ].join('; ');
}
