import fc from 'fast-check';
import { Leaf, type LeafAccount, Place } from './leaf.js';
import { WaitingList } from './waiting-list.js';

const ignore = (): undefined => undefined;
const account: LeafAccount = {
  namespace: 'guest',
  hasRoom: true,
  leafSpillable: ignore,
  leafSpilling: ignore,
  leafSpilled: ignore,
  leafKept: ignore,
  leafGone: ignore,
};

it('the list of waiting leaves is a queue from whose middle one can leave', () => {
  const operation = fc.tuple(fc.constantFrom('append', 'prepend', 'remove', 'takeOldest'), fc.nat({ max: 7 }));
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100, size: 'max' }), (operations) => {
      const leaves = Array.from({ length: 8 }, () => new Leaf(account, 0, 1, Buffer.alloc(1), Place.MEMORY));
      const list = new WaitingList();
      let model: Leaf[] = [];
      for (const [name, at] of operations) {
        const leaf = leaves[at]!;
        if (name === 'takeOldest') {
          expect(list.takeOldest()).toBe(model.shift());
        } else if (name === 'remove') {
          list.remove(leaf);
          model = model.filter((other) => other !== leaf);
        } else if (!model.includes(leaf)) {
          list[name](leaf);
          if (name === 'append') model.push(leaf);
          else model.unshift(leaf);
        }
      }
      for (const leaf of model) expect(list.takeOldest()).toBe(leaf);
      expect(list.takeOldest()).toBeUndefined();
    }),
  );
});
