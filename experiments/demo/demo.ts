import openwhisk, { type Client } from 'openwhisk';
import { type RunRecord, timelineOf, type TimelineRow } from '@dataflower/dataflower/explain';
import { median } from '../platform/median.js';
import { invoke, type Paradigm, type Server } from '../platform/rest.js';
import { type Library, wholeText } from '../workloads/wordcount/books.js';
import { deployOnPorts, WORKFLOW } from '../workloads/wordcount/deploy.js';
import { differences, straightCount, type WordCount } from '../workloads/wordcount/straight-count.js';
import { progress } from './progress.js';

/** The results of the demo. */
export interface DemoResult {
  readonly book: string;
  /** The number of words. */
  readonly words: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Medians over runs on warm containers, in milliseconds. */
  readonly responseMs: Readonly<Record<Paradigm, number>>;
  /** The timeline of a run on warm containers. */
  readonly timeline: readonly TimelineRow[];
  /** The timeline of the first run, on cold containers. */
  readonly coldTimeline: readonly TimelineRow[];
  /** Differences from the direct count; empty when there are none. */
  readonly differences: readonly string[];
}

const WARM_UPS = 2;
const RUNS = 7;
const paradigms = ['dataflow', 'controlflow'] as const;

/** Runs the whole demo on a running platform. */
export async function runDemo(platform: Server, library: Library): Promise<DemoResult> {
  const client = openwhisk({ apihost: platform.url, api_key: platform.authorization });
  await progress('Creating three actions and the workflow', () => deployOnPorts(client, library.books));
  const expected = straightCount(wholeText(library));
  const cold = await progress('Running it by data flow, containers cold', () => traced(platform, client));
  const warm = await progress('Running it again, containers warm', () => traced(platform, client));
  const wrong = [cold, warm].flatMap(({ result }) => differences(result, expected));
  const responseMs = await progress('Comparing data flow with control flow', () => compare(platform, expected, wrong));
  const { words, counts } = warm.result;
  const timelines = { timeline: warm.timeline, coldTimeline: cold.timeline };
  return { book: library.title, words, counts, responseMs, ...timelines, differences: wrong };
}

/** Runs the workflow once and reads the records of its functions, whose ids are the workflow's logs. */
async function traced(platform: Server, client: Client): Promise<{ result: WordCount; timeline: TimelineRow[] }> {
  const { result, activationId, requestedAt } = await invoke(platform, WORKFLOW, 'dataflow');
  const { logs } = await client.activations.get(activationId);
  const parts = await Promise.all(logs.map((id) => client.activations.get(id)));
  return { result: result as WordCount, timeline: timelineOf(parts as RunRecord[], requestedAt) };
}

/** Runs both alternately, warm and on the same input; every result is checked like the first. */
async function compare(platform: Server, expected: WordCount, wrong: string[]): Promise<Record<Paradigm, number>> {
  const times: Record<Paradigm, number[]> = { dataflow: [], controlflow: [] };
  for (let run = -WARM_UPS; run < RUNS; run++) {
    // The order alternates, so that neither always follows the other.
    for (const paradigm of run % 2 === 0 ? paradigms : paradigms.toReversed()) {
      const { responseMs, result } = await invoke(platform, WORKFLOW, paradigm);
      wrong.push(...differences(result as WordCount, expected).map((line) => `${paradigm}: ${line}`));
      if (run >= 0) times[paradigm].push(responseMs);
    }
  }
  const rounded = (values: readonly number[]): number => Math.round(median(values) * 10) / 10;
  return { dataflow: rounded(times.dataflow), controlflow: rounded(times.controlflow) };
}
