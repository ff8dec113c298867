import { expect, test } from 'vitest';
import type { Detection } from '../src/detection.js';
import { DetectorError, type ErrorCode } from '../src/errors.js';
import { firstAnswer, type Mode, type Side, sidesOf } from '../src/sides.js';

const answer = (backend: Detection['backend']) =>
  ({
    backend,
    metadata: { fallbacks: [{ backend: 'modal', reason: 'off' }] },
  }) as unknown as Detection;

/** A side that fails with `code`, or answers. */
function asked(failing: Partial<Record<Side, ErrorCode>>) {
  const order: Side[] = [];
  const ask = async (side: Side) => {
    order.push(side);
    const code = failing[side];
    if (code !== undefined) throw new DetectorError(code, 'why');
    return [answer(side === 'server' ? 'local' : 'client_side')];
  };
  return { ask, order };
}

test.each<[Mode, Side[]]>([
  ['prefer_client', ['client_side']],
  ['only_client', ['client_side']],
  ['prefer_server', ['server']],
  ['only_server', ['server']],
])('%s asks nobody else while its first side answers', async (mode, expected) => {
  const { ask, order } = asked({});
  const [first] = await firstAnswer(sidesOf(mode), ask);
  expect(order).toEqual(expected);
  expect(first?.metadata.fallbacks).toEqual([{ backend: 'modal', reason: 'off' }]);
});

test.each<ErrorCode>(['fetch_failed', 'digest_mismatch', 'runtime_failed', 'unsupported_model'])(
  '%s of the client falls over to the server, whose answer says so',
  async (code) => {
    const { ask } = asked({ client_side: code });
    const [first] = await firstAnswer(sidesOf('prefer_client'), ask);
    expect(first?.backend).toBe('local');
    expect(first?.metadata.fallbacks).toEqual([
      { backend: 'client_side', reason: `${code}: why` },
      { backend: 'modal', reason: 'off' },
    ]);
  },
);

test.each<ErrorCode>(['aborted', 'unmeasured_rate'])(
  '%s is the caller’s: no falling over',
  async (code) => {
    const { ask, order } = asked({ client_side: code });
    await expect(firstAnswer(sidesOf('prefer_client'), ask)).rejects.toMatchObject({ code });
    expect(order).toEqual(['client_side']);
  },
);

test('a wrong option is not tried elsewhere', async () => {
  const ask = async () => {
    throw new RangeError('no probability');
  };
  await expect(firstAnswer(sidesOf('prefer_client'), ask)).rejects.toThrow(RangeError);
});

test('where both fail, the last failure is told', async () => {
  const { ask } = asked({ client_side: 'fetch_failed', server: 'server_failed' });
  await expect(firstAnswer(sidesOf('prefer_client'), ask)).rejects.toMatchObject({
    code: 'server_failed',
  });
});
