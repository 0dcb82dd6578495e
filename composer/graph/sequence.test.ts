import { compileSequence, drawText, validateGraph } from './index.js';

test('a sequence is a chain of its actions', () => {
  const graph = validateGraph(compileSequence(['/_/a', '/ns/p/b']));
  expect(drawText(graph)).toBe(
    ['0: action /_/a', '  in ← $USER.params', '1: action /ns/p/b', '  in ← 0.out', '$USER', '  result ← 1.out'].join(
      '\n',
    ),
  );
  expect(graph.nodes[0]).toEqual({ id: '0', kind: 'action', action: '/_/a', inputs: { in: 'NORMAL' }, outputs: {} });
});

test('a sequence of nothing is none', () => expect(() => compileSequence([])).toThrow('at least one component'));
