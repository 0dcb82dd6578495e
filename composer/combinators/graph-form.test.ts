import { wordCount } from '../testing/graphs.js';
import { graphDigest } from '../graph/index.js';
import { graph, isGraphForm, type WrittenGraph } from '../index.js';

const written: WrittenGraph = {
  nodes: [
    { id: 'split', kind: 'action', action: 'split', outputs: { parts: 'FOREACH' } },
    { id: 'count', kind: 'action', action: 'count' },
    { id: 'merge', kind: 'action', action: '/_/merge', inputs: { counts: 'LIST' } },
  ],
  edges: wordCount.edges,
};

test('a graph may be written short', () => {
  const form = graph(written);
  expect(form.graph).toEqual(wordCount);
  expect(form.digest).toBe(graphDigest(wordCount));
  expect(isGraphForm(JSON.parse(JSON.stringify(form)))).toBe(true);
});

test('a whole graph may be given again', () => expect(graph(wordCount)).toEqual(graph(written)));

test.each<[unknown, string]>([
  [undefined, 'nodes: expected an array, found nothing'],
  [{ nodes: [{ kind: 'action', id: 'a', action: 5 }], edges: [] }, 'nodes[0].action: expected a string, found 5'],
  [{ nodes: [], edges: [], more: 1 }, 'more: is not a member here'],
])('%j is none', (value, message) => expect(() => graph(value as WrittenGraph)).toThrow(message));
