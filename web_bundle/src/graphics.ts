import { DetectorError } from './errors.js';
import type { Manifest } from './manifest.js';
import type { Device } from './protocol.js';

/**
 * A graphics card that can run the artifact.
 *
 * @throws DetectorError `runtime_failed` where there is none; with `auto` also where it is only imitated.
 */
export async function adapterFor(manifest: Manifest, device: Device): Promise<GPUAdapter> {
  if (manifest.input.kind !== 'tokens') throw unusable('the model reads text');
  if (!('Suspending' in WebAssembly)) throw unusable('WebAssembly cannot wait here (JSPI)');
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) throw unusable('there is no adapter');
  if (device === 'auto' && adapter.info.isFallbackAdapter) throw unusable('it is only imitated');
  return adapter;
}

function unusable(reason: string): DetectorError {
  return new DetectorError('runtime_failed', `no WebGPU: ${reason}`);
}
