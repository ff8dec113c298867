import { expect, test } from 'vitest';
import { Serial } from '../src/serial.js';

test('one task at a time, in order', async () => {
  const serial = new Serial();
  const events: string[] = [];
  const task = (name: string) => async () => {
    events.push(`${name} starts`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    events.push(`${name} ends`);
  };
  await Promise.all([serial.run(task('a')), serial.run(task('b'))]);
  expect(events).toEqual(['a starts', 'a ends', 'b starts', 'b ends']);
});

test('goes on after a failure', async () => {
  const serial = new Serial();
  const failed = serial.run(() => Promise.reject(new Error('no')));
  const next = serial.run(async () => 1);
  await expect(failed).rejects.toThrow('no');
  expect(await next).toBe(1);
});
