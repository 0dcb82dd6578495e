import { activationText, responseText, toActivation, toActivationSummary, toResponse } from './openwhisk-json.js';
import { recordOf } from '../testing/record-log.js';

const component = recordOf(0, {
  activationId: 'a0000000000000000000000000000000',
  cause: 'b1000000000000000000000000000000',
  name: 'b',
  start: 1700000000000,
  end: 1700000000041,
  duration: 41,
  result: '{"ok":1}',
  size: 8,
  logs: ['2024-01-01T00:00:00.123456789Z stdout: hi'],
  annotations: {
    path: 'guest/p/b',
    waitTime: 31,
    kind: 'nodejs:20',
    timeout: false,
    limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
    initTime: 35,
    causedBy: 'sequence',
    absent: undefined,
  },
});

const annotations = [
  { key: 'path', value: 'guest/p/b' },
  { key: 'waitTime', value: 31 },
  { key: 'kind', value: 'nodejs:20' },
  { key: 'timeout', value: false },
  { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 } },
  { key: 'initTime', value: 35 },
  { key: 'causedBy', value: 'sequence' },
];

describe('the full record', () => {
  it('is OpenWhisk’s, member for member', () => {
    expect(toActivation(component)).toStrictEqual({
      activationId: 'a0000000000000000000000000000000',
      annotations,
      cause: 'b1000000000000000000000000000000',
      duration: 41,
      end: 1700000000041,
      logs: ['2024-01-01T00:00:00.123456789Z stdout: hi'],
      name: 'b',
      namespace: 'guest',
      publish: false,
      response: { result: { ok: 1 }, size: 8, status: 'success', success: true },
      start: 1700000000000,
      subject: 'guest',
      version: '0.0.1',
    });
  });

  it('has the duration of its parts, and no cause at the top', () => {
    const top = toActivation(recordOf(1, { duration: 77 }));
    expect(top.duration).toBe(77);
    expect(top).not.toHaveProperty('cause');
  });

  it('without an end has neither end nor duration', () => {
    const trigger = toActivation(recordOf(1, { end: 0, duration: 0 }));
    expect(trigger).not.toHaveProperty('end');
    expect(trigger).not.toHaveProperty('duration');
  });

  it('as text is the same, with the text of the result as it is', () => {
    const odd = recordOf(1, {
      name: 'a "b" & c',
      result: '{"n": 12345678901234567890}',
      logs: ['"\n'],
      end: 0,
      status: 3,
    });
    for (const record of [component, odd]) expect(JSON.parse(activationText(record))).toEqual(toActivation(record));
    expect(activationText(odd)).toContain('"result":{"n": 12345678901234567890},');
  });
});

describe('the item of a listing', () => {
  it('has a numeric status at the top, and the wall time', () => {
    expect(toActivationSummary({ ...component, duration: 7, status: 1 })).toStrictEqual({
      activationId: 'a0000000000000000000000000000000',
      annotations,
      cause: 'b1000000000000000000000000000000',
      duration: 41,
      end: 1700000000041,
      name: 'b',
      namespace: 'guest',
      publish: false,
      start: 1700000000000,
      statusCode: 1,
      version: '0.0.1',
    });
  });

  it('without an end has no status', () => {
    const trigger = toActivationSummary(recordOf(1, { end: 0 }));
    for (const member of ['end', 'duration', 'statusCode']) expect(trigger).not.toHaveProperty(member);
  });
});

it('the response says the status in OpenWhisk’s words, and no number', () => {
  const words = ([0, 1, 2, 3] as const).map((status) => {
    const record = recordOf(1, { status });
    expect(JSON.parse(responseText(record))).toStrictEqual(toResponse(record));
    expect(toResponse(record)).not.toHaveProperty('statusCode');
    return [toResponse(record).status, toResponse(record).success];
  });
  expect(words).toEqual([
    ['success', true],
    ['application error', false],
    ['action developer error', false],
    ['whisk internal error', false],
  ]);
});
