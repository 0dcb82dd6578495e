import { type MeasuredDataSink, type Value, createDataSink } from './index.js';

let sink: MeasuredDataSink;

beforeEach(() => {
  sink = createDataSink({ limitBytes: 100, handoverDir: false });
});

afterEach(() => sink.close());

describe('room', () => {
  it('ends at the share of one that is alone and is back below it', () => {
    const value = sink.put(Buffer.alloc(90), 0);
    expect(sink.hasRoom).toBe(true);
    const last = sink.put(Buffer.alloc(1), 0);
    expect(sink.hasRoom).toBe(false);
    last.release();
    expect(sink.hasRoom).toBe(true);
    value.release();
  });

  it('lets in those who wait one by one, in order, as long as it lasts', async () => {
    const full = sink.put(Buffer.alloc(100), 0);
    const came: number[] = [];
    const values: Value[] = [];
    for (let i = 0; i < 5; i++) {
      sink.whenRoom(() => {
        came.push(i);
        values.push(sink.put(Buffer.alloc(40), 0));
      });
    }
    expect(sink.metrics.heldEmits).toBe(5);
    full.release();
    await Promise.resolve();
    expect(came).toEqual([0, 1, 2]);
    values.shift()!.release();
    await Promise.resolve();
    expect(came).toEqual([0, 1, 2, 3]);
    for (const value of values.splice(0)) value.release();
    await Promise.resolve();
    expect(came).toEqual([0, 1, 2, 3, 4]);
    for (const value of values) value.release();
    expect(sink.metrics).toMatchObject({ heldEmits: 0, residentBytes: 0 });
  });

  it('does not let a late comer pass those who wait', async () => {
    const full = sink.put(Buffer.alloc(100), 0);
    const came: string[] = [];
    sink.whenRoom(() => came.push('early'));
    full.release();
    sink.whenRoom(() => came.push('late'));
    await Promise.resolve();
    await Promise.resolve();
    expect(came).toEqual(['early', 'late']);
  });

  it('never refuses a value that is put', () => {
    const values = [1, 2, 3].map(() => sink.put(Buffer.alloc(90), 0));
    expect(sink.residentBytes).toBe(270);
    for (const value of values) value.release();
  });
});
