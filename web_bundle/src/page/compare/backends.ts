import type { Detection } from '../../detection.js';
import { DetectorError } from '../../errors.js';
import { keyed, refusal } from '../../server_client.js';
import type { Server } from '../server.js';
import type { Workplace } from '../workplace.js';

/** A place where a text may be judged, and how to have it judged there. */
export interface Place {
  readonly name: string;
  /** Why it cannot be asked; null where it can. */
  readonly obstacle: string | null;
  /** @throws DetectorError where it gives no answer of its own. */
  judge(text: string): Promise<Detection>;
}

/** Every backend there is, this browser first. */
export async function places(workplace: Workplace): Promise<Place[]> {
  const server = await workplace.server();
  return [
    browser(workplace),
    await served('The server', 'local', server, workplace),
    await served('Modal', 'modal', server, workplace),
  ];
}

function browser(workplace: Workplace): Place {
  const judge = async (text: string) => {
    const judge = await workplace.browserJudge();
    try {
      return await judge.detect(text);
    } finally {
      if (judge !== (await workplace.judge().catch(() => null))) await judge.dispose();
    }
  };
  return { name: 'This browser', obstacle: null, judge };
}

async function served(
  name: string,
  backend: 'local' | 'modal',
  server: Server | null,
  { choice }: Workplace,
): Promise<Place> {
  const { reference } = choice.model;
  const judge = (text: string) => predict(server as Server, reference, backend, text);
  if (server === null) return { name, obstacle: 'no server belongs to this page', judge };
  const { available, reason } = await server
    .availability(backend, reference)
    .catch(() => ({ available: false, reason: 'the server did not answer' }));
  return { name, obstacle: available ? null : (reason ?? 'not available'), judge };
}

/** The answer of this backend and no other. */
async function predict(
  server: Server,
  reference: string,
  backend: string,
  text: string,
): Promise<Detection> {
  const response = await fetch(new URL('predict', server.url), {
    method: 'POST',
    ...keyed(server.key),
    body: JSON.stringify({ text, model_id: reference, prefer_backend: backend }),
  });
  if (!response.ok) throw await server.refused(await refusal(response));
  const answer = await response.json();
  if (answer.backend === backend) return answer;
  const reasons = (answer as Detection).metadata.fallbacks
    .filter((fallback) => fallback.backend === backend)
    .map(({ reason }) => reason);
  throw new DetectorError('server_failed', reasons.join('; ') || `${answer.backend} answered`);
}
