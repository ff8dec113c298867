import type { Envelope, Reply, Request } from './protocol.js';

/** A worker, of whichever kind, as its owner sees it. */
export interface Port {
  post(message: Envelope<Request>): void;
  /** Sets who is told of messages, and of the reason where the worker stops on its own. */
  listen(onMessage: (message: Envelope<Reply>) => void, onStop: (reason: string) => void): void;
  /** Says whether an answer is awaited: a program without other work may end where none is. */
  hold(awaited: boolean): void;
  close(): void;
}

/** The port of a browser's worker. */
export function portOf(worker: Worker): Port {
  return {
    post: (message) => worker.postMessage(message),
    listen(onMessage, onStop) {
      worker.addEventListener('message', ({ data }: MessageEvent<Envelope<Reply>>) =>
        onMessage(data),
      );
      worker.addEventListener('error', (event) => {
        event.preventDefault(); // the caller is told; the console need not be
        onStop(event.message || 'its script did not load');
      });
    },
    hold: () => undefined,
    close: () => worker.terminate(),
  };
}
