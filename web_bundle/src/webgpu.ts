// A script of its own, loaded only where a graph is to run on the graphics card.
import { env, InferenceSession, Tensor } from 'onnxruntime-web/jspi';
/*! Bundled: onnxruntime-web, Copyright Microsoft Corporation, MIT License,
   https://github.com/microsoft/onnxruntime/blob/main/LICENSE */
import type { Engine, LoadedRuntime } from './engine.js';
import { DetectorError } from './errors.js';

/** How far a probability on the graphics card may be from the processor's. */
const TOLERANCE = 1e-3;

/** Says something about most of a graph: several sentences, of several kinds. */
const PROBE =
  'The committee met on Tuesday. Nobody had read the report, “as usual”, she said; 14 of its 20 pages were charts. '.repeat(
    4,
  );

/**
 * The engine on the graphics card, once it agrees with the processor.
 *
 * @param load - makes an engine for the artifact, by a runtime of this script.
 * @throws DetectorError `runtime_failed`, or that of `load`.
 */
export async function graphicsEngine(
  adapter: GPUAdapter,
  wasm: Uint8Array,
  load: (loaded: LoadedRuntime) => Promise<Engine>,
): Promise<Engine> {
  Object.assign(env, { logLevel: 'error' });
  Object.assign(env.wasm, { numThreads: 1, wasmBinary: wasm });
  env.webgpu.adapter = adapter;
  const runtime = { InferenceSession, Tensor };
  const engine = await load({ runtime, provider: 'webgpu' });
  try {
    const reference = await load({ runtime, provider: 'wasm' });
    const [found, expected] = [await probed(engine), await probed(reference)];
    await reference.close();
    // Not `>`: what is no number is not close either.
    if (!(Math.abs(found - expected) <= TOLERANCE)) {
      const reason = `the card gives ${found} where the processor gives ${expected}`;
      throw new DetectorError('runtime_failed', `no WebGPU: ${reason}`);
    }
    return engine;
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function probed(engine: Engine): Promise<number> {
  const [score] = await engine.score([PROBE], false);
  return score?.probability ?? Number.NaN;
}
