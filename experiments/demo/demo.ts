import openwhisk, { type Client } from 'openwhisk';
import { median } from '../platform/median.js';
import type { Platform } from '../platform/platform.js';
import { invoke, type Paradigm } from '../platform/rest.js';
import { type Library, wholeText } from '../wordcount/books.js';
import { deployOnPorts, WORKFLOW } from '../wordcount/deploy.js';
import { differences, straightCount, type WordCount } from '../wordcount/straight-count.js';
import { progress } from './progress.js';
import { type RecordOfInstance, timelineOf, type TimelineRow } from './timeline.js';

/** What the demo found out. */
export interface DemoResult {
  readonly book: string;
  /** How many words there are in all. */
  readonly words: number;
  readonly counts: Readonly<Record<string, number>>;
  /** Medians over runs on warm containers, in milliseconds. */
  readonly responseMs: Readonly<Record<Paradigm, number>>;
  /** Of the first run: its containers are cold. */
  readonly timeline: readonly TimelineRow[];
  readonly activationId: string;
  /** What does not agree with the direct count; empty when all does. */
  readonly differences: readonly string[];
}

const WARM_UPS = 2;
const RUNS = 7;
const paradigms = ['dataflow', 'controlflow'] as const;

/** Runs the whole demo on a platform that is up. */
export async function runDemo(platform: Platform, library: Library): Promise<DemoResult> {
  const client = openwhisk({ apihost: platform.url, api_key: platform.authorization });
  await progress('Creating three actions and the workflow', () => deployOnPorts(client, library.books));
  const first = await progress('Running it by data flow', () => invoke(platform, WORKFLOW, 'dataflow'));
  const expected = straightCount(wholeText(library));
  const wrong = differences(first.result as WordCount, expected);
  const parts = await partsOf(client, first.activationId);
  const timeline = timelineOf(parts as RecordOfInstance[], first.requestedAt);
  const responseMs = await progress('Comparing data flow with control flow', () => compare(platform, expected, wrong));
  const { words, counts } = first.result as WordCount;
  const { activationId } = first;
  return { book: library.title, words, counts, responseMs, timeline, activationId, differences: wrong };
}

/** The records of the functions that ran; their ids are the workflow's log. */
async function partsOf(client: Client, activationId: string): Promise<Awaited<ReturnType<typeof getRecord>>[]> {
  const { logs } = await getRecord(client, activationId);
  return Promise.all(logs.map((id) => getRecord(client, id)));
}

function getRecord(client: Client, id: string) {
  return client.activations.get(id);
}

/** Runs both in turn, warm and on the same input; every result is checked like the first. */
async function compare(platform: Platform, expected: WordCount, wrong: string[]): Promise<Record<Paradigm, number>> {
  const times: Record<Paradigm, number[]> = { dataflow: [], controlflow: [] };
  for (let run = -WARM_UPS; run < RUNS; run++) {
    // The one that comes first changes, so that neither always follows the other.
    for (const paradigm of run % 2 === 0 ? paradigms : paradigms.toReversed()) {
      const { responseMs, result } = await invoke(platform, WORKFLOW, paradigm);
      wrong.push(...differences(result as WordCount, expected).map((line) => `${paradigm}: ${line}`));
      if (run >= 0) times[paradigm].push(responseMs);
    }
  }
  const rounded = (values: readonly number[]): number => Math.round(median(values) * 10) / 10;
  return { dataflow: rounded(times.dataflow), controlflow: rounded(times.controlflow) };
}
