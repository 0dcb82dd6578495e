import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { until } from '@dataflower/common/testing';
import { SpanQueue } from './span-queue.js';
import type { TracedRecord } from './spans.js';

type Callback = Parameters<SpanExporter['export']>[1];

const TAKEN = { code: 0 } as unknown as Parameters<Callback>[0];
const refused = (error: Error) => ({ code: 1, error }) as unknown as Parameters<Callback>[0];

/** An exporter whose requests a test answers. */
class HandExporter implements SpanExporter {
  readonly requests: { readonly spans: number; readonly answer: Callback }[] = [];
  closed = false;

  export(spans: ReadableSpan[], answer: Callback): void {
    this.requests.push({ spans: spans.length, answer });
  }

  shutdown(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

const record = {} as TracedRecord;
const span = {} as ReadableSpan;

test('what waits is bounded, one request is under way at a time, and what is dropped is counted', async () => {
  const exporter = new HandExporter();
  const trouble: unknown[] = [];
  const queue = new SpanQueue({
    exporter,
    toSpans: () => [span, span],
    onTrouble: (error) => trouble.push(error),
    mostWaiting: 10,
    batch: 4,
  });
  for (let i = 0; i < 4; i++) queue.push(record);
  await until(() => exporter.requests.length === 1);
  expect(exporter.requests[0]!.spans).toBe(8);
  for (let i = 0; i < 100; i++) queue.push(record);
  expect(queue.counts).toEqual({ exported: 0, dropped: 90 });
  expect(exporter.requests).toHaveLength(1);

  exporter.requests[0]!.answer(TAKEN);
  await until(() => exporter.requests.length === 2);
  const error = new Error('away');
  exporter.requests[1]!.answer(refused(error));
  await until(() => exporter.requests.length === 3);
  exporter.requests[2]!.answer(refused(error));
  expect(exporter.requests.map(({ spans }) => spans)).toEqual([8, 8, 8]);
  await until(() => queue.counts.dropped === 98);
  expect(queue.counts.exported).toBe(8);
  expect(trouble).toEqual([error]);

  const closed = queue.close();
  await until(() => exporter.requests.length === 4);
  exporter.requests[3]!.answer(TAKEN);
  await closed;
  expect(exporter.closed).toBe(true);
  expect(trouble).toEqual([error, undefined]);
  queue.push(record);
  expect(queue.counts).toEqual({ exported: 12, dropped: 99 });
});

test('a record that cannot be made into spans is dropped, and closing ends also when the collector takes nothing', async () => {
  const exporter = new HandExporter();
  let fails = true;
  const queue = new SpanQueue({
    exporter,
    toSpans: () => {
      if (fails) throw new Error('what is this');
      return [span];
    },
    onTrouble: () => undefined,
    batch: 1,
  });
  queue.push(record);
  await until(() => queue.counts.dropped === 1);
  fails = false;
  for (let i = 0; i < 3; i++) queue.push(record);
  const closed = queue.close();
  await until(() => exporter.requests.length === 1);
  exporter.requests[0]!.answer(refused(new Error('away')));
  await closed;
  expect(exporter.requests).toHaveLength(1);
  expect(queue.counts).toEqual({ exported: 0, dropped: 4 });
});
