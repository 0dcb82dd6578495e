import fc from 'fast-check';
import { quoted } from '@dataflower/common/records';
import type { ActionDescription } from '../../host/host.js';
import { type PartAnnotations, annotationsText } from './part-annotations.js';

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[a-z0-9./-]{0,12}$/));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const annotations = fc
  .record({
    path: text,
    waitTime: number,
    kind: text,
    timeout: fc.boolean(),
    limits: fc.record({ timeout: number, memory: number }),
    binding: optional(text),
    initTime: optional(number),
    causedBy: optional(fc.constant('sequence' as const)),
    cancelled: optional(fc.constant(true as const)),
    dataflow: fc.record({
      node: optional(text),
      tag: optional(fc.array(number, { maxLength: 3 })),
      after: optional(fc.stringMatching(/^[0-9a-f]{32}$/)),
      queued: number,
      boot: optional(number),
      init: optional(number),
      started: number,
      firstOutput: number,
      ended: number,
      lastByte: number,
      bytesIn: number,
      bytesOut: number,
      host: text,
      container: text,
      coldStart: fc.boolean(),
    }),
  })
  .map((made) => made as PartAnnotations);

test('the text of annotations is what JSON.stringify makes of them', () => {
  fc.assert(
    fc.property(annotations, (made) => {
      const action = { path: made.path, kind: made.kind, limits: made.limits } as ActionDescription;
      for (let i = 0; i < 2; i++) expect(annotationsText(made, action)).toBe(JSON.stringify(made));
    }),
  );
});

test('a quoted text is what JSON.stringify makes of it', () => {
  fc.assert(fc.property(text, (any) => expect(quoted(any)).toBe(JSON.stringify(any))));
  for (const any of ['a"b', 'a\\b', '\u2028', '\ud800', 'é', 'a\nb', '']) expect(quoted(any)).toBe(JSON.stringify(any));
});
