import { type Transitions, transition } from './transitions.js';

describe('a transition', () => {
  type Light = 'GREEN' | 'AMBER' | 'RED';
  const table: Transitions<Light> = { GREEN: ['AMBER'], AMBER: ['RED'], RED: ['GREEN'] };

  it('gives the next state', () => {
    expect(transition(table, 'a light', 'GREEN', 'AMBER')).toBe('AMBER');
  });

  it('throws for a state that may not follow', () => {
    expect(() => transition(table, 'a light', 'GREEN', 'RED')).toThrow('a light cannot go from GREEN to RED');
  });
});
