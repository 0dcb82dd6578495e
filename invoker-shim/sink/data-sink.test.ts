import { Shape, encodeList, encodeRecord, encodeValue } from '@dataflower/action-runtime/protocol';
import { type MeasuredDataSink, type Value, createDataSink, readLeaf } from './index.js';

let sink: MeasuredDataSink;

beforeEach(() => {
  sink = createDataSink({ limitBytes: 100, handoverDir: false });
});

afterEach(() => sink.close());

const bytesOf = (value: unknown): Buffer => Buffer.concat(encodeValue(value).segments);
const put = (value: unknown): Value => {
  const encoded = encodeValue(value);
  return sink.put(Buffer.concat(encoded.segments), encoded.shape);
};

describe('a value', () => {
  it('counts as resident until its last reference is released', () => {
    const value = sink.put(Buffer.alloc(10), 0);
    value.retain();
    value.release();
    expect(sink.residentBytes).toBe(10);
    value.release();
    expect(sink.residentBytes).toBe(0);
    expect(sink.metrics).toMatchObject({ values: 0, peakResidentBytes: 10 });
  });

  it('cannot be released, retained or read after its last reference', () => {
    const value = sink.put(Buffer.alloc(10), 0);
    value.release();
    for (const use of [() => value.release(), () => value.retain(), () => value.body]) {
      expect(use).toThrow(expect.objectContaining({ code: 'VALUE_RELEASED' }));
    }
    expect(sink.residentBytes).toBe(0);
  });

  it('keeps its bytes as they were put', () => {
    const bytes = Buffer.from('\0{}');
    const value = sink.put(bytes, Shape.OBJECT);
    expect(value.body).toEqual({ at: 'memory', bytes });
    expect(value.shape).toBe(Shape.OBJECT);
    value.release();
  });
});

describe('a composite', () => {
  it('owns its parts: they go with its last reference', () => {
    const a = put({ a: 1 });
    const b = put([2]);
    b.retain();
    const list = sink.list([a, sink.record([['b', b]])]);
    list.retain();
    list.release();
    expect(sink.toJson(list)).toEqual([{ a: 1 }, { b: [2] }]);
    list.release();
    expect(() => a.body).toThrow();
    expect(sink.toJson(b)).toEqual([2]);
    b.release();
    expect(sink.metrics).toMatchObject({ values: 0, residentBytes: 0 });
  });

  it('has the size that its inline encoding would have', () => {
    const parts = [{ a: 1 }, 'text', Buffer.from('bytes')];
    const list = sink.list(parts.map(put));
    const record = sink.record(parts.map((part, i) => [`näme${i}`, put(part)] as const));
    expect(list.size).toBe(encodeList(parts.map(bytesOf)).length);
    expect(record.size).toBe(encodeRecord(parts.map((part, i) => [`näme${i}`, bytesOf(part)] as const)).length);
    list.release();
    record.release();
  });

  it('has the shape of what it stands for', () => {
    const shapeOfRecord = (name: string, value: unknown): number => {
      const record = sink.record([[name, put(value)]]);
      record.release();
      return record.shape;
    };
    const list = sink.list([]);
    expect(list.shape).toBe(Shape.ARRAY | Shape.TRUTHY);
    list.release();
    expect(shapeOfRecord('other', 1)).toBe(Shape.OBJECT);
    expect(shapeOfRecord('error', null)).toBe(Shape.OBJECT | Shape.ERROR);
    for (const truthy of [1, 'x', true, {}, { value: 0 }, [], [0], Buffer.alloc(0)]) {
      expect(shapeOfRecord('value', truthy)).toBe(Shape.OBJECT | Shape.TRUTHY);
    }
    for (const falsy of [0, '', false, null]) expect(shapeOfRecord('value', falsy)).toBe(Shape.OBJECT);
  });

  it('of entries with one name has the shape of the last', () => {
    const record = sink.record([
      ['value', put(1)],
      ['value', put(0)],
    ]);
    expect(record.shape).toBe(Shape.OBJECT);
    record.release();
  });
});

describe('toJson', () => {
  it('gives byte strings as base64, at any depth', () => {
    const record = sink.record([['list', sink.list([put(Buffer.from('hi')), put({ deep: [Buffer.from('ho')] })])]]);
    expect(sink.toJson(record)).toEqual({ list: ['aGk=', { deep: ['aG8='] }] });
    record.release();
  });

  it('sets a member called __proto__ like any other', () => {
    const record = sink.record([['__proto__', put({ polluted: true })]]);
    const json = sink.toJson(record) as object;
    expect(Object.keys(json)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(json)).toBe(Object.prototype);
    record.release();
  });

  it('refuses what is not a value', async () => {
    const value = sink.put(Buffer.from('\0{not json'), 0);
    expect(() => sink.toJson(value)).toThrow(expect.objectContaining({ code: 'MALFORMED_VALUE' }));
    await expect(sink.toJsonAsync(value)).rejects.toMatchObject({ code: 'MALFORMED_VALUE' });
    value.release();
  });

  it('refuses nesting that no container could read', async () => {
    let value = put(1);
    for (let i = 0; i < 66; i++) value = sink.list([value]);
    expect(() => sink.toJson(value)).toThrow(expect.objectContaining({ code: 'VALUE_TOO_DEEP' }));
    await expect(sink.toJsonAsync(value)).rejects.toMatchObject({ code: 'VALUE_TOO_DEEP' });
    value.release();
  });

  it('has the same answer when it is asynchronous', async () => {
    const record = sink.record([['a', sink.list([put(1), put({ b: 'x' })])]]);
    expect(await sink.toJsonAsync(record)).toEqual(sink.toJson(record));
    const large = sink.list([record, put('x'.repeat(5000))]);
    await expect(readLeaf(large)).rejects.toThrow(TypeError);
    large.release();
  });
});

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

  it('is announced at once when there is some', () => {
    let called = 0;
    sink.whenRoom(() => called++);
    expect(called).toBe(1);
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
