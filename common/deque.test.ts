import fc from 'fast-check';
import { Deque } from './deque.js';

describe('the deque', () => {
  it('behaves as an array does, whatever is done with it', () => {
    const operation = fc.oneof(
      fc.constant('pop'),
      fc.constant('drain'),
      fc.nat().map((n) => ['back', n] as const),
      fc.nat().map((n) => ['front', n] as const),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
        const deque = new Deque<number>();
        let model: number[] = [];
        for (const step of operations) {
          if (step === 'pop') expect(deque.popFront()).toBe(model.shift());
          else if (step === 'drain') {
            expect(deque.drain()).toEqual(model);
            model = [];
          } else if (typeof step === 'object' && step[0] === 'back') {
            deque.pushBack(step[1]);
            model.push(step[1]);
          } else if (typeof step === 'object') {
            deque.pushFront(step[1]);
            model.unshift(step[1]);
          }
          expect([...deque]).toEqual(model);
          expect([deque.length, deque.peekFront()]).toEqual([model.length, model[0]]);
        }
      }),
    );
  });

  it('goes on in order after it was long and empty, wherever in its ring that was', () => {
    for (const skipped of [0, 1, 7, 1500]) {
      const deque = new Deque<number>();
      for (let n = 0; n < 2000; n++) deque.pushBack(n);
      for (let n = 0; n < skipped; n++) deque.pushBack(deque.popFront()!);
      deque.drain();
      for (let n = 0; n < 20; n++) {
        deque.pushBack(n);
        expect([deque.peekFront(), deque.popFront()]).toEqual([n, n]);
      }
      expect(deque.length).toBe(0);
    }
  });
});
