import { parentPort } from 'node:worker_threads';
import { LocalHost } from './host.js';
import { NodePlatform } from './node_platform.js';
import { serve } from './serve.js';

const answer = serve(new LocalHost(new NodePlatform('worker')), (message) =>
  parentPort?.postMessage(message),
);
parentPort?.on('message', (message) => void answer(message));
