import { activationIdOf } from '@dataflower/common';
import fc from 'fast-check';
import { PartList } from './part-list.js';

test('parts are in graph order, then by tag, then in the order of their beginning', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(3), fc.nat(40), fc.nat(2), fc.nat(2000)), { maxLength: 200 }), (drawn) => {
      const list = new PartList();
      const parts = drawn.map(([node, outer, middle, inner], i) => {
        // Each node has tags of one length, as in a graph.
        const tag = [outer, middle, inner].slice(0, node);
        const id = activationIdOf(`${i}`);
        list.add(id, node, tag);
        return { id, node, tag };
      });
      const expected = parts
        .sort((a, b) => {
          const at = a.tag.findIndex((index, i) => index !== b.tag[i]);
          return a.node - b.node || (at < 0 ? 0 : a.tag[at]! - b.tag[at]!);
        })
        .map(({ id }) => id);
      expect(list.inGraphOrder()).toEqual(expected);
    }),
  );
});

test('what was taken back is none, and its time does not count', () => {
  const list = new PartList();
  for (let i = 0; i < 5; i++) list.add(activationIdOf(`${i}`), 0, [4 - i]);
  for (let i = 0; i < 5; i++) list.setDuration(i, 10 * i);
  list.setDuration(2, 100);
  list.drop(3);
  expect(list.inGraphOrder()).toEqual(['4', '2', '1', '0']);
  expect(list.duration).toBe(10 + 100 + 40);
  expect(list.size).toBe(4);
});
