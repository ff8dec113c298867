import type { Artifact } from './detection.js';
import { DetectorError } from './errors.js';
import type { Host } from './host.js';
import type { Port } from './port.js';
import type { OnProgress } from './progress.js';
import type { Envelope, LoadOrder, Reply, Request } from './protocol.js';
import type { Score } from './scorer.js';

/** The last reply to a request, where it is not a failure. */
type Answer = Exclude<Reply, { kind: 'failed' | 'progress' }>;

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: DetectorError): void;
  readonly onProgress: OnProgress | undefined;
}

/** A host in a worker: requests to it and their replies, matched by id. */
export class RemoteHost implements Host {
  readonly #port: Port;
  readonly #waiting = new Map<number, Waiting>();
  #sent = 0;
  #heard = false;
  #ended: DetectorError | undefined;

  constructor(port: Port) {
    this.#port = port;
    port.listen(
      (message) => this.#settle(message),
      (reason) => this.#end(new DetectorError('runtime_failed', `the worker stopped: ${reason}`)),
    );
  }

  /** Whether the worker's script runs: it has said something. */
  get started(): boolean {
    return this.#heard;
  }

  async load(order: LoadOrder, onProgress: OnProgress): Promise<Artifact> {
    const answer = await this.#send({ kind: 'load', order }, onProgress);
    if (answer.kind !== 'loaded') throw unexpected(answer);
    return answer.artifact;
  }

  async score(texts: readonly string[], tokenLevel: boolean): Promise<Score[]> {
    const answer = await this.#send({ kind: 'score', texts, tokenLevel });
    if (answer.kind !== 'scored') throw unexpected(answer);
    return answer.scores;
  }

  /** Stops the worker, which frees its memory. */
  async close(): Promise<void> {
    this.#end(new DetectorError('aborted', 'the detector was disposed'));
  }

  #send(content: Request, onProgress?: OnProgress): Promise<Answer> {
    const id = ++this.#sent;
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended);
        return;
      }
      this.#waiting.set(id, { resolve, reject, onProgress });
      this.#port.hold(true);
      this.#port.post({ id, content });
    });
  }

  #end(reason: DetectorError): void {
    this.#ended ??= reason;
    this.#port.close();
    for (const waiting of this.#waiting.values()) waiting.reject(reason);
    this.#waiting.clear();
  }

  #settle({ id, content }: Envelope<Reply>): void {
    this.#heard = true;
    const waiting = this.#waiting.get(id);
    if (content.kind === 'progress') {
      waiting?.onProgress?.(content.progress);
      return;
    }
    this.#waiting.delete(id);
    this.#port.hold(this.#waiting.size > 0);
    if (content.kind === 'failed') {
      waiting?.reject(new DetectorError(content.code, content.message));
    } else {
      waiting?.resolve(content);
    }
  }
}

function unexpected(answer: Answer): DetectorError {
  return new DetectorError('runtime_failed', `the worker answered "${answer.kind}"`);
}
