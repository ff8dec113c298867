import type { env as Env } from 'onnxruntime-web/jspi';
import { configureWasm, Engine, type Runtime } from './engine.js';
import { DetectorError } from './errors.js';
import type { Parts } from './host.js';
import type { Device } from './protocol.js';

/** How far a probability on the graphics card may be from the processor's. */
const TOLERANCE = 1e-3;

/** Says something about most of a graph: several sentences, of several kinds. */
const PROBE =
  'The committee met on Tuesday. Nobody had read the report, “as usual”, she said; 14 of its 20 pages were charts. '.repeat(
    4,
  );

/** What webgpu.js gives. */
export interface GraphicsRuntime extends Runtime {
  readonly env: typeof Env;
}

/**
 * A graphics card that can run the artifact.
 *
 * @throws DetectorError `runtime_failed` where there is none; with `auto` also where it is only imitated.
 */
export async function adapterFor({ manifest }: Parts, device: Device): Promise<GPUAdapter> {
  if (manifest.input.kind !== 'tokens') throw unusable(`${manifest.model_id} reads text`);
  if (!('Suspending' in WebAssembly)) throw unusable('WebAssembly cannot wait here (JSPI)');
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw unusable('there is no adapter');
  if (device === 'auto' && adapter.info.isFallbackAdapter) throw unusable('it is only imitated');
  return adapter;
}

/**
 * The engine on the graphics card, once it agrees with the processor.
 *
 * @throws DetectorError `runtime_failed`.
 */
export async function graphicsEngine(
  { env, ...runtime }: GraphicsRuntime,
  wasm: Uint8Array,
  adapter: GPUAdapter,
  parts: Parts,
): Promise<Engine> {
  configureWasm(env, wasm);
  env.webgpu.adapter = adapter;
  const engine = await Engine.load({ runtime, provider: 'webgpu' }, parts);
  const reference = await Engine.load({ runtime, provider: 'wasm' }, parts);
  try {
    const [found, expected] = [await probed(engine), await probed(reference)];
    // Not `>`: what is no number is not close either.
    if (!(Math.abs(found - expected) <= TOLERANCE)) {
      throw unusable(`it gives ${found} where the processor gives ${expected}`);
    }
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  } finally {
    await reference.close();
  }
}

async function probed(engine: Engine): Promise<number> {
  const [score] = await engine.score([PROBE], false);
  return score?.probability ?? Number.NaN;
}

function unusable(reason: string): DetectorError {
  return new DetectorError('runtime_failed', `no WebGPU: ${reason}`);
}
