import fc from 'fast-check';
import { canonicalText, compileSequence, graphDigest } from './index.js';

test('the canonical text has its members in order and no spaces', () => {
  expect(canonicalText({ b: [1, { z: null, a: 'x y' }], a: true, c: undefined })).toBe(
    '{"a":true,"b":[1,{"a":"x y","z":null}]}',
  );
});

test('the canonical text is JSON of the same value, whatever the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const json = JSON.parse(JSON.stringify(value));
      expect(JSON.parse(canonicalText(json))).toEqual(json);
    }),
  );
  expect(canonicalText({ a: 1, b: 2 })).toBe(canonicalText({ b: 2, a: 1 }));
});

test('the digest of a graph stays what it is', () => {
  expect(graphDigest(compileSequence(['/_/a', '/_/b']))).toBe(
    'fe8a0a5fd00671fe481c382eb58ba74459ec73d58ba3745be376109828df9777',
  );
  expect(graphDigest(compileSequence(['/_/b', '/_/a']))).not.toBe(graphDigest(compileSequence(['/_/a', '/_/b'])));
});
