import { drawTimeline, legend } from '@dataflower/dataflower/explain';
import { mostFrequent } from '../workloads/wordcount/straight-count.js';
import type { DemoResult } from './demo.js';

/** The result as text, `width` characters wide. */
export function report(result: DemoResult, width: number): string {
  const { words, counts, responseMs, timeline, coldTimeline } = result;
  const distinct = Object.keys(counts).length;
  const agreement =
    result.differences.length === 0
      ? 'The direct count of the same text agrees.'
      : `The direct count of the same text does NOT agree (word: here, there):\n  ${result.differences.slice(0, 10).join('\n  ')}`;
  const { dataflow, controlflow } = responseMs;
  return `
${result.book}
${format(words)} words, ${format(distinct)} different ones. ${agreement}

${frequent(result)}

The first run: no container was there (milliseconds since the request)

${drawTimeline(coldTimeline, width)}

The second run, containers warm${overlapNote(timeline)}

${drawTimeline(timeline, width)}

${legend(timeline, width)}

Response time, median of warm runs on the same input
  by data flow     ${ms(dataflow)}
  by control flow  ${ms(controlflow)}   (${(controlflow / dataflow).toFixed(2)} × as long)

Where to look next
  experiments/workloads/wordcount/actions                  the three functions, as a user writes them
  experiments/workloads/wordcount/workflows                the workflow: as a graph, and as a composition
  npm run dataflower -- standalone               a server of your own, for wsk and the npm client
  npm run demo -- --input DIR                    the same on your own texts
  npm run bench -- hop                           what one step costs
`;
}

/** A sentence about the overlap, when there is one: counters that start before the splitter ends. */
function overlapNote(timeline: DemoResult['timeline']): string {
  const split = timeline.find(({ node }) => node === 'split');
  const early = timeline.filter(({ node, started }) => node === 'count' && started < (split?.ended ?? 0));
  return early.length === 0 ? '' : `: ${early.length} counters start while the splitter still reads`;
}

function frequent({ counts, words }: DemoResult): string {
  const found = mostFrequent({ counts, words }, 12);
  const cells = found.map(([word, count]) => `${word.padEnd(8)}${format(count).padStart(8)}`);
  const rows = Math.ceil(cells.length / 3);
  return Array.from({ length: rows }, (_, row) =>
    `  ${cells.filter((_cell, i) => i % rows === row).join('     ')}`.trimEnd(),
  ).join('\n');
}

const format = (count: number): string => count.toLocaleString('en-US');
const ms = (time: number): string => `${time.toFixed(1).padStart(7)} ms`;
