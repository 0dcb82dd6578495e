import { MAX_ENVIRONMENT_BYTES } from '@dataflower/action-runtime/protocol';
import { checked, push, truncate } from './environment.js';

const before = push(push(push(null, { vars: { x: '],[{' } }), { mask: true }), { vars: {} });

describe('an environment', () => {
  it('is the JSON of its frames, and is cut between them', () => {
    const frames = [{ vars: { x: '],[{' } }, { mask: true }, { vars: {} }];
    expect(JSON.parse(before)).toEqual(frames);
    for (const depth of [1, 2, 3, 4]) expect(JSON.parse(truncate(before, depth)!)).toEqual(frames.slice(0, depth));
    expect(truncate(before, 0)).toBeNull();
    expect(truncate(null, 1)).toBeNull();
  });

  it('that a container gives back is taken up to its limit, and no further', () => {
    const one = push(null, { vars: { x: 1 } });
    const most = `[{"vars":{"x":"${'y'.repeat(MAX_ENVIRONMENT_BYTES - '[{"vars":{"x":""}}]'.length)}"}}]`;
    expect(checked(one, most)).toBe(most);
    expect(checked(one, most.replace('y', 'yy'))).toBe(one);
  });

  it('that a container gives back has as many frames, each of which is one', () => {
    const after = '[{"vars":{"x":[{}]}},{"mask":true},{"vars":{"y":null}}]';
    expect(checked(before, after)).toBe(after);
    for (const wrong of ['[{"vars":{}}]', `[${after}]`, after.replace('null', ''), after.replace('{"mask":true}', '1')])
      expect(checked(before, wrong)).toBe(before);
    expect(checked(null, after)).toBeNull();
  });

  it('made to be slow to parse costs a fraction of parsing it', () => {
    const hostile = `[{"vars":{"x":[${'[],'.repeat(300_000)}[]]}}]`;
    const least = (work: () => void): number =>
      Math.min(
        ...[1, 2, 3, 4, 5].map(() => {
          const began = performance.now();
          work();
          return performance.now() - began;
        }),
      );
    const one = push(null, { vars: {} });
    expect(least(() => checked(one, hostile))).toBeLessThan(least(() => JSON.parse(hostile)) / 2);
  });
});
