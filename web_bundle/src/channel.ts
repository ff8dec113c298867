import type { OnProgress } from './download.js';
import { DetectorError } from './errors.js';
import type { Envelope, Reply, Request } from './protocol.js';

/** The last reply to a request, where it is not a failure. */
export type Answer = Exclude<Reply, { kind: 'failed' | 'progress' }>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: DetectorError): void;
  readonly onProgress: OnProgress | undefined;
}

/** Requests to a worker and their replies, matched by id. */
export class Channel {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;
  #ended: DetectorError | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
    worker.addEventListener('message', (event: MessageEvent<Envelope<Reply>>) => {
      this.#settle(event.data);
    });
    worker.addEventListener('error', (event) => {
      const reason = event.message || 'its script did not load';
      this.close(new DetectorError('runtime_failed', `the worker stopped: ${reason}`));
    });
  }

  /** @throws DetectorError with the worker's code, or that of `close`. */
  send(content: Request, onProgress?: OnProgress): Promise<Answer> {
    const id = ++this.#sent;
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#worker.postMessage({ id, content } satisfies Envelope<Request>);
    });
  }

  /** Stops the worker, which frees its memory; requests under way reject with `reason`. */
  close(reason: DetectorError): void {
    this.#ended ??= reason;
    this.#worker.terminate();
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }

  #settle({ id, content }: Envelope<Reply>): void {
    const waiting = this.#waiting.get(id);
    if (content.kind === 'progress') {
      waiting?.onProgress?.(content.progress);
      return;
    }
    this.#waiting.delete(id);
    if (content.kind === 'failed') {
      waiting?.reject(new DetectorError(content.code, content.message));
    } else {
      waiting?.resolve(content);
    }
  }
}
