import {
  DefinitionParts,
  FLAG_END,
  FrameDecoder,
  FrameType,
  type Init,
  MAX_FRAME_BYTES,
  encodeDefine,
  encodeFrame,
  encodeInit,
} from '../../protocol/index.js';
import { TestAgent } from '../testing/test-agent.js';

// INIT and DEFINE when they are larger than a frame.

let agent: TestAgent;
afterEach(() => agent.close());

const INIT: Init = {
  name: 'n',
  main: 'main',
  binary: false,
  kind: 'code',
  env: {},
  parameters: {},
  logLimitBytes: 1000,
  memoryMiB: 256,
};
const TEXT = '世'.repeat(700_000);
const MEASURE = 'function main(p) { return { env: process.env.BIG.length, parameter: p.big.length, small: p.small }; }';

/** INIT with environment and parameters in a stream, and the stream. */
function initFrames(code: string, rest: Pick<Init, 'env' | 'parameters'>): Buffer[] {
  const bytes = Buffer.from(JSON.stringify(rest));
  const frames = [
    encodeInit(
      { ...INIT, ...rest },
      { where: 'inline', bytes: Buffer.from(code) },
      { where: 'stream', streamId: 2, size: bytes.length },
    ),
  ];
  for (let at = 0; at < bytes.length; at += 200_000) {
    const end = at + 200_000 >= bytes.length;
    frames.push(encodeFrame(FrameType.DATA, end ? FLAG_END : 0, 2, bytes.subarray(at, at + 200_000)));
  }
  return frames;
}

test.each([
  ['a thread', MEASURE],
  [
    'a process',
    `if (!require('node:worker_threads').isMainThread) throw new Error('Module did not self-register'); ${MEASURE}`,
  ],
])('environment and parameters of any size reach %s', async (_what, code) => {
  agent = await TestAgent.start();
  agent.send(...initFrames(code, { env: { BIG: TEXT }, parameters: { big: TEXT, small: 1 } }));
  expect(await agent.next('READY')).toMatchObject({ ok: true });
  expect((await agent.call({})).value).toEqual({ env: TEXT.length, parameter: TEXT.length, small: 1 });
  expect((await agent.call({ small: 2 })).value).toMatchObject({ small: 2 });
});

test('a definition of any size is the same after it was taken apart', () => {
  const definition = { outputs: ['a'], ports: false, functions: [{ path: '', code: TEXT }] };
  const parts = new DefinitionParts();
  const found: unknown[] = [];
  const decoder = new FrameDecoder((_type, flags, id, payload) => {
    const whole = parts.add(flags, payload);
    if (whole !== undefined) found.push([id, whole]);
  });
  const frames = [...encodeDefine(1, definition), ...encodeDefine(2, { outputs: [], ports: true })];
  expect(frames.length).toBeGreaterThan(3);
  for (const frame of frames) {
    expect(frame.length).toBeLessThan(MAX_FRAME_BYTES);
    decoder.push(frame);
  }
  expect(found).toEqual([
    [1, definition],
    [2, { outputs: [], ports: true }],
  ]);
});
