import { expect, test } from 'vitest';
import { RemoteHost } from '../src/channel.js';
import { DetectorError } from '../src/errors.js';
import type { Host } from '../src/host.js';
import type { Port } from '../src/port.js';
import type { Progress } from '../src/progress.js';
import type { Envelope, LoadOrder, Reply, Request } from '../src/protocol.js';
import { serve } from '../src/serve.js';

const ORDER: LoadOrder = {
  source: { kind: 'catalogue', baseUrl: 'https://host.example/', model: null },
  wasmUrl: 'https://host.example/ort.wasm',
  expectedDigest: null,
  publicKey: null,
  cached: false,
  device: 'wasm',
};
const PROGRESS: Progress = { phase: 'load', step: 'session' };
const SCORE = {
  probability: 0.25,
  normalizeMs: 0,
  runMs: 0,
  tokens: null,
  windows: 1,
  tokenLogProbabilities: null,
};

/** A worker's two ends, with every message cloned on its way, as between threads. */
function between(host: Host) {
  const sent: { requests: Request[]; replies: Reply[]; held: boolean[] } = {
    requests: [],
    replies: [],
    held: [],
  };
  let tell: (message: Envelope<Reply>) => void = () => undefined;
  let stop: (reason: string) => void = () => undefined;
  const answer = serve(host, (message) => {
    sent.replies.push(message.content);
    tell(structuredClone(message));
  });
  const port: Port = {
    post(message) {
      sent.requests.push(message.content);
      void answer(structuredClone(message));
    },
    listen(onMessage, onStop) {
      tell = onMessage;
      stop = onStop;
    },
    hold: (awaited) => void sent.held.push(awaited),
    close: () => undefined,
  };
  return { remote: new RemoteHost(port), sent, stop: (reason: string) => stop(reason) };
}

function hostThat(overrides: Partial<Host>): Host {
  return {
    load: async () => Promise.reject(new Error('not expected')),
    score: async (texts) => texts.map(() => SCORE),
    close: async () => undefined,
    ...overrides,
  };
}

test('messages are a union with a tag, whichever side sends them', async () => {
  const { remote, sent } = between(
    hostThat({
      async load(_, onProgress) {
        onProgress(PROGRESS);
        throw new DetectorError('fetch_failed', 'not there');
      },
    }),
  );
  const seen: Progress[] = [];
  const loading = remote.load(ORDER, (progress) => seen.push(progress));
  await expect(loading).rejects.toMatchObject({ code: 'fetch_failed', message: 'not there' });
  expect(await remote.score(['a', 'b'], false)).toEqual([SCORE, SCORE]);
  expect(seen).toEqual([PROGRESS]);
  expect(sent.requests.map(({ kind }) => kind)).toEqual(['load', 'score']);
  expect(sent.replies.map(({ kind }) => kind)).toEqual(['progress', 'failed', 'scored']);
});

test('answers that come in another order go to whoever asked', async () => {
  const waits: Record<string, number> = { slow: 20, quick: 1 };
  const { remote } = between(
    hostThat({
      async score([text = '']) {
        await new Promise((resolve) => setTimeout(resolve, waits[text]));
        return [{ ...SCORE, tokens: text.length }];
      },
    }),
  );
  const answers = await Promise.all([
    remote.score(['slow'], false),
    remote.score(['quick'], false),
  ]);
  expect(answers.map(([score]) => score?.tokens)).toEqual([4, 5]);
});

test('a worker that stops rejects what waits, and what is asked later', async () => {
  const { remote, stop } = between(hostThat({ score: () => new Promise(() => undefined) }));
  const waiting = remote.score(['a'], false);
  stop('out of luck');
  await expect(waiting).rejects.toMatchObject({
    code: 'runtime_failed',
    message: expect.stringContaining('out of luck'),
  });
  await expect(remote.score(['b'], false)).rejects.toMatchObject({ code: 'runtime_failed' });
});

test('a worker is held while an answer is awaited, and only then', async () => {
  const { remote, sent } = between(hostThat({}));
  await Promise.all([remote.score(['a'], false), remote.score(['b'], false)]);
  expect(sent.held).toEqual([true, true, true, false]);
});

test('what is thrown and is no DetectorError arrives as one', async () => {
  const { remote } = between(hostThat({ score: () => Promise.reject(new TypeError('oh')) }));
  await expect(remote.score(['a'], false)).rejects.toMatchObject({
    name: 'DetectorError',
    code: 'runtime_failed',
    message: 'oh',
  });
});
