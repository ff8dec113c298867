import { asDetectorError } from './errors.js';
import type { Host } from './host.js';
import type { OnProgress } from './progress.js';
import type { Envelope, Reply, Request } from './protocol.js';

/** Inside a worker: what answers each message by way of `post`. */
export function serve(
  host: Host,
  post: (message: Envelope<Reply>) => void,
): (message: Envelope<Request>) => Promise<void> {
  return async ({ id, content }) => {
    const reply = (answer: Reply) => post({ id, content: answer });
    const onProgress: OnProgress = (progress) => reply({ kind: 'progress', progress });
    reply(await answered(host, content, onProgress).catch(failure));
  };
}

async function answered(host: Host, request: Request, onProgress: OnProgress): Promise<Reply> {
  switch (request.kind) {
    case 'load':
      return { kind: 'loaded', artifact: await host.load(request.order, onProgress) };
    case 'score':
      return { kind: 'scored', scores: await host.score(request.texts, request.tokenLevel) };
    default:
      return request satisfies never;
  }
}

function failure(cause: unknown): Reply {
  const { code, message } = asDetectorError(cause, 'runtime_failed');
  return { kind: 'failed', code, message };
}
