// What src/ uses of `onnxruntime-web/wasm`, on that package's own core: sessions of the processor over plain tensors. The
// rest of its interface (images, textures, other backends, profiling) would be a fifth of the worker.
import {
  createSession,
  initRuntime,
  releaseSession,
  run,
} from 'onnxruntime-web/lib/wasm/wasm-core-impl';
import { initializeWebAssembly } from 'onnxruntime-web/lib/wasm/wasm-factory';

export const env = { logLevel: 'error', wasm: { numThreads: 1 } };

export class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims });
  }
}

let started;

export class InferenceSession {
  #id;
  #inputs;
  #outputs;

  static async create(model, options) {
    started ??= start();
    await started;
    const session = new InferenceSession();
    [session.#id, session.#inputs, session.#outputs] = await createSession(model, options);
    return session;
  }

  async run(feeds, names) {
    const inputs = Object.entries(feeds);
    const results = await run(
      this.#id,
      inputs.map(([name]) => indexIn(this.#inputs, name)),
      inputs.map(([, { type, dims, data }]) => [type, dims, data, 'cpu']),
      names.map((name) => indexIn(this.#outputs, name)),
      names.map(() => null),
      {},
    );
    return Object.fromEntries(
      results.map(([type, dims, data], i) => [names[i], new Tensor(type, data, dims)]),
    );
  }

  async release() {
    releaseSession(this.#id);
  }
}

async function start() {
  await initializeWebAssembly(env.wasm);
  await initRuntime(env);
}

function indexIn(known, name) {
  const index = known.indexOf(name);
  if (index < 0) throw new Error(`the graph has no ${name}: ${known.join(', ')}`);
  return index;
}
