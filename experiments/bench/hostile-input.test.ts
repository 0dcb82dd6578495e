import { type Platform, startPlatform } from '../platform/platform.js';
import { hostileInputs } from './hostile/inputs.js';
import { Prober } from './hostile/prober.js';
import { runInput } from './hostile/run-input.js';

// The short form of the bench of the same name: the same inputs, smaller, and limits that they reach sooner.

const LIMITS = {
  DATAFLOWER_LIMITS_WORKFLOW_INSTANCES: '60000',
  DATAFLOWER_LIMITS_WORKFLOW_BYTES: String(64 * 2 ** 20),
};

let platform: Platform;
let prober: Prober;

beforeAll(async () => {
  platform = await startPlatform({ environment: LIMITS });
  prober = Prober.start(platform.url);
});
afterAll(async () => {
  await prober.stop();
  await platform.stop();
});

let longest = 0;
let all = 0;

test.each(hostileInputs.map((input) => ({ title: input.name, input })))(
  '$title: it ends as it should, and the server answers others meanwhile',
  async ({ input }) => {
    await prober.take();
    const began = performance.now();
    await runInput(platform, input, 'short');
    all += performance.now() - began;
    const { answers, longestMs } = await prober.take();
    expect(answers).toBeGreaterThan(0);
    longest = Math.max(longest, longestMs);
  },
  300_000,
);

test('no input makes others wait for more than a small part of the time that all of them take', () => {
  expect(longest).toBeLessThan(all / 5);
});
