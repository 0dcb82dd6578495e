import { graphOf, wordCount } from '../testing/graphs.js';
import { drawMermaid, drawText } from './index.js';

test('a graph as text says what feeds each input', () => {
  expect(`\n${drawText(wordCount)}\n`).toBe(`
split: action /_/split
  in ← $USER.params
count: action /_/count × split.parts
  in ← split.parts (FOREACH)
merge: action /_/merge
  counts (LIST) ← count.out
$USER
  result ← merge.out
`);
});

test('a graph as Mermaid has an arrow for each edge', () => {
  expect(`\n${drawMermaid(wordCount)}\n`).toBe(`
flowchart TD
  caller((caller))
  result((result))
  n0["split: action /_/split"]
  n1["count: action /_/count"]
  n2["merge: action /_/merge"]
  caller -->|"params → in"| n0
  n0 ==>|"parts → in"| n1
  n1 -->|"out → counts"| n2
  n2 --> result
`);
});

test('text in a drawing cannot end its label', () => {
  const value = { text: '"]<b>&' };
  const graph = graphOf([{ id: 'l', kind: 'literal', value }], '$USER.params → l.in\nl.out → $USER.result');
  expect(drawMermaid(graph)).toContain(
    String.raw`n0{{"l: literal {&quot;text&quot;:&quot;\&quot;]&lt;b&gt;&amp;&quot;}"}}`,
  );
});
