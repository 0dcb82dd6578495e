import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import { parts, putAction, putSequence, record, run, stored } from '../testing/calls.js';
import { Collector, type ReceivedSpan } from '../testing/collector.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

let collector: Collector;
// Before the suite looks for what is left.
afterAll(() => collector.stop());
const suite = Suite.open();
let platform: Platform;
const spanIdOf = (activationId: string): string => activationId.slice(0, 16);

beforeAll(async () => {
  collector = await Collector.start();
  platform = await suite.start({
    environment: {
      DATAFLOWER_TELEMETRY_OTLP_ENDPOINT: collector.url,
      DATAFLOWER_TELEMETRY_OTLP_HEADERS: 'x-key=a secret',
      DATAFLOWER_TELEMETRY_SERVICE_NAME: 'under-test',
      DATAFLOWER_LOG_LEVEL: 'info',
    },
  });
  await putAction(platform.api, 'busy', 'function main(a){const t=Date.now();while(Date.now()-t<20);return a}');
  await putAction(platform.api, 'fails', "function main(){return {error:'no'}}");
  await putSequence(platform.api, 'inner', ['busy', 'busy']);
  await putSequence(platform.api, 'outer', ['busy', 'inner']);
});

async function spansOf(traceId: string, count: number): Promise<ReceivedSpan[]> {
  const found = (): ReceivedSpan[] => collector.spans.filter((span) => span.traceId === traceId);
  await until(() => found().filter(({ attributes }) => 'faas.name' in attributes).length >= count, {
    what: 'the spans are there',
    seen: () => collector.spans.length,
  });
  return found();
}

test('an activation is one trace: workflows around functions, and below these what they spent their time with', async () => {
  const { activationId } = await record(platform.api, 'outer', { a: 1 });
  // outer, busy, inner, and the two of inner.
  const spans = await spansOf(activationId, 5);
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  expect(byId.size).toBe(spans.length);
  const top = byId.get(spanIdOf(activationId))!;
  expect(top).toMatchObject({ name: 'outer', kind: 2 });
  expect(top.parentSpanId ?? '').toBe('');
  for (const span of spans) {
    if (span !== top) expect(byId.has(span.parentSpanId!)).toBe(true);
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano));
  }
  const [first, inner] = await parts(platform.api, await stored(platform.api, activationId));
  expect(byId.get(spanIdOf(inner!.activationId))).toMatchObject({
    name: 'inner',
    parentSpanId: top.spanId,
    links: [{ spanId: spanIdOf(first!.activationId) }],
  });
  const [inside] = await parts(platform.api, inner!);
  expect(byId.get(spanIdOf(inside!.activationId))).toMatchObject({
    name: 'busy',
    parentSpanId: spanIdOf(inner!.activationId),
    attributes: {
      'faas.invocation_id': inside!.activationId,
      'openwhisk.namespace': 'guest',
      'dataflower.host': 'host0',
    },
  });
  const phases = spans.filter(({ parentSpanId }) => parentSpanId === spanIdOf(first!.activationId));
  expect(phases.map(({ name }) => name)).toEqual(expect.arrayContaining(['cold start', 'compute']));
  expect(collector.resources[0]).toMatchObject({ 'service.name': 'under-test' });
  expect(collector.headers[0]).toMatchObject({ 'x-key': 'a secret' });
});

test('a request with a trace context goes on in its caller’s trace, or leaves no spans when that is not sampled', async () => {
  const trace = 'abcdef0123456789abcdef0123456789';
  const headers = { traceparent: `00-${trace}-00f067aa0ba902b7-01` };
  const { activationId } = (await run(platform.api, 'inner', {}, { headers })).json;
  const spans = await spansOf(trace, 3);
  const top = spans.find(({ spanId }) => spanId === spanIdOf(activationId))!;
  expect(top.parentSpanId).toBe('00f067aa0ba902b7');

  const unsampled = 'bbbbbb0123456789abcdef0123456789';
  await run(platform.api, 'busy', {}, { headers: { traceparent: `00-${unsampled}-00f067aa0ba902b7-00` } });
  const failed = (await run(platform.api, 'fails', {}, { headers: { traceparent: 'nonsense' } })).json.activationId;
  expect((await spansOf(failed, 1))[0]!.status).toMatchObject({ code: 2 });
  expect(collector.spans.some(({ traceId }) => traceId === unsampled)).toBe(false);
});

test('a collector that is away costs spans, which are counted, and nothing else; the log says it once, without the key', async () => {
  const dropped = async (): Promise<number> => {
    const { text } = await platform.api.get('/metrics');
    return Number(/^dataflower_spans_dropped_total (\d+)/m.exec(text)?.[1]);
  };
  expect(await dropped()).toBe(0);
  collector.status = 400;
  for (let i = 0; i < 3; i++) {
    const before = await dropped();
    expect((await run(platform.api, 'busy')).status).toBe(200);
    await until(async () => (await dropped()) > before, { what: 'its spans are dropped' });
  }
  collector.status = 200;
  const { activationId } = (await run(platform.api, 'busy')).json;
  await spansOf(activationId, 1);
  await until(() => platform.output().includes('takes spans again'), { what: 'the log says that it is well again' });
  expect(platform.output().match(/takes no spans/g)).toHaveLength(1);
  expect(platform.output()).not.toContain('a secret');
});
