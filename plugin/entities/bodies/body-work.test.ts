import { doBodyWork } from './body-work.js';

test("a workflow's own parameters complete its payload", () => {
  const many = `[${'[],'.repeat(400_000)}[]]`;
  const defaults = '{"a":"below","b":"kept"}';
  const read = doBodyWork({ type: 'payload', bytes: Buffer.from(`{"a":${many}}`), finalKeys: [], defaults });
  expect(read).toEqual({ type: 'payload', bytes: expect.any(Uint8Array) });
  expect(Buffer.from((read as { bytes: Uint8Array }).bytes).toString() === `{"b":"kept","a":${many}}`).toBe(true);
});
