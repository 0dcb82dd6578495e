import fs from 'node:fs';
import { Shape, encodeList, encodeRecord, encodeValue } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { SMALL_BYTES, queryValue } from '../query-value.js';
import { type DataSink, type Value, isError, isObject, isTruthy } from '../value.js';
import { bytesOf, streamOf } from '../value-bytes.js';
import { jsonOf } from './json-of.js';

/** A sink with nothing in it, with files for containers and room for 1 MiB at least. */
export interface SinkUnderTest {
  readonly sink: DataSink;
  /** Number of values that are held, composites and those in packs included. */
  values(): number;
  /** Leaves no room; the returned function makes room again. */
  fill(): () => void;
  /** Makes memory short until the bytes of this value, which waits, were moved. Needed where values are spilled. */
  spilled?(value: Value): Promise<void>;
  close(): Promise<void>;
}

/** The behaviour of every data sink; `spills`: it moves waiting values out of memory when memory is short. */
export function sinkContract(name: string, open: () => SinkUnderTest, spills: boolean): void {
  describe(`${name} as a data sink`, () => {
    let test: SinkUnderTest;
    let sink: DataSink;

    beforeEach(() => {
      test = open();
      sink = test.sink;
    });
    afterEach(async () => {
      expect([test.values(), sink.residentBytes]).toEqual([0, 0]);
      await test.close();
    });

    const encoded = (value: unknown): Buffer => Buffer.concat(encodeValue(value).segments);
    const put = (value: unknown): Value => sink.put(encoded(value), encodeValue(value).shape);

    /** A value that a container wrote into a file. */
    async function handedOver(bytes: Buffer, shape = 0): Promise<Value> {
      const file = sink.handoverSource().allocate(bytes.length)!;
      fs.writeFileSync(file.path, bytes);
      return file.seal(shape);
    }

    async function streamed(value: Value): Promise<Buffer> {
      const chunks: Buffer[] = [];
      for await (const chunk of streamOf(value)) chunks.push(Buffer.from(chunk));
      return Buffer.concat(chunks);
    }

    /** Every way to read a value gives these bytes. */
    async function expectBytes(value: Value, bytes: Buffer): Promise<void> {
      expect(value.size).toBe(bytes.length);
      expect(bytes.equals(await bytesOf(value))).toBe(true);
      expect(bytes.equals(await streamed(value))).toBe(true);
      if (value.bytes !== undefined) expect(bytes.equals(value.bytes)).toBe(true);
      if (value.file !== undefined) expect(bytes.equals(fs.readFileSync(value.file))).toBe(true);
      if (value.members !== undefined) return;
      const reader = value.reader();
      expect(reader.size).toBe(bytes.length);
      const middle = Math.floor(bytes.length / 2);
      expect(bytes.subarray(middle).equals(await reader.read(middle, bytes.length))).toBe(true);
      reader.close();
      expect(bytes.subarray(0, middle).equals(await reader.read(0, middle))).toBe(true);
      reader.close();
    }

    describe('a value', () => {
      it('is held until its last reference is released, and frees its bytes then', () => {
        const value = sink.put(Buffer.alloc(10), 0);
        value.retain();
        value.release();
        expect([test.values(), sink.residentBytes]).toEqual([1, 10]);
        value.release();
        expect([test.values(), sink.residentBytes]).toEqual([0, 0]);
      });

      it('cannot be used after its last release', async () => {
        const values = [sink.put(Buffer.alloc(10), 0), sink.list([]), await handedOver(Buffer.alloc(10))];
        for (const value of values) {
          value.release();
          for (const use of [
            () => value.release(),
            () => value.retain(),
            () => value.setWaiting(true),
            () => value.bytes,
            () => value.members,
            () => value.file,
          ])
            expect(use).toThrow(expect.objectContaining({ code: 'VALUE_RELEASED' }) as Error);
        }
      });

      it('has its bytes at hand as they were put, without a copy', async () => {
        const bytes = Buffer.from('\0{}');
        const value = sink.put(bytes, Shape.OBJECT);
        expect(value.bytes).toBe(bytes);
        expect(value).toMatchObject({ shape: Shape.OBJECT, size: 3, parts: 1, depth: 0 });
        await expectBytes(value, bytes);
        value.release();
      });

      it('says without being opened what operators must know', () => {
        const head = (value: Value): boolean[] => {
          value.release();
          return [isObject(value), isError(value), isTruthy(value)];
        };
        expect(head(put({}))).toEqual([true, false, false]);
        expect(head(put({ error: 0, value: 1 }))).toEqual([true, true, true]);
        expect(head(put([]))).toEqual([false, false, true]);
        expect(head(put(0))).toEqual([false, false, false]);
        expect(head(sink.put(Buffer.from('\x001'), Shape.ERROR))).toEqual([false, false, false]);
      });

      it('waits and is used again as often as its holders like, and stays the same', async () => {
        const bytes = Buffer.from('\0"text"');
        const value = sink.put(bytes, 0);
        value.retain();
        for (const waiting of [true, true, false, true, false, false, false]) value.setWaiting(waiting);
        await expectBytes(value, bytes);
        value.release();
        value.release();
      });
    });

    describe('a composite', () => {
      it('owns its members: they go with its last reference', () => {
        const a = put({ a: 'x'.repeat(5000) });
        const b = put([2]);
        b.retain();
        const list = sink.list([a, sink.record([['b', b]])]);
        list.retain();
        list.release();
        expect(jsonOf(list)).toEqual([{ a: 'x'.repeat(5000) }, { b: [2] }]);
        list.release();
        expect(() => a.bytes).toThrow();
        expect(jsonOf(b)).toEqual([2]);
        b.release();
      });

      it('reads as its inline encoding, members in files included', async () => {
        const large = encoded({ text: 'y'.repeat(300_000) });
        const parts = [encoded({ a: 1 }), large, encoded(Buffer.from('bytes')), encodeList([])];
        const members = async (): Promise<Value[]> => [
          sink.put(parts[0]!, 0),
          await handedOver(large),
          sink.put(parts[2]!, 0),
          sink.list([]),
        ];
        const list = sink.list(await members());
        await expectBytes(list, encodeList(parts));
        const record = sink.record((await members()).map((value, i) => [`näme${i}`, value] as const));
        await expectBytes(record, encodeRecord(parts.map((part, i) => [`näme${i}`, part] as const)));
        list.release();
        record.release();
      });

      it('that is large has its members, and counts them', () => {
        const large = (): Value => put('x'.repeat(5000));
        const list = sink.list([large(), large()]);
        const record = sink.record([
          ['a', list],
          ['b', large()],
        ]);
        expect(record.bytes).toBeUndefined();
        expect(record.file).toBeUndefined();
        expect(record.members).toMatchObject({
          kind: 'record',
          entries: [
            ['a', list],
            ['b', expect.anything()],
          ],
        });
        expect(list.members?.kind).toBe('list');
        expect([record.parts, record.depth, list.parts, list.depth]).toEqual([3, 2, 2, 1]);
        expect(test.values()).toBe(5);
        record.release();
      });

      it('has the shape of what it stands for; of members with one name the last counts', () => {
        const shapeOf = (...entries: [string, unknown][]): number => {
          const record = sink.record(entries.map(([member, value]) => [member, put(value)]));
          record.release();
          return record.shape;
        };
        const list = sink.list([]);
        expect(list.shape).toBe(Shape.ARRAY | Shape.TRUTHY);
        list.release();
        expect(shapeOf(['other', 1])).toBe(Shape.OBJECT);
        expect(shapeOf(['error', null])).toBe(Shape.OBJECT | Shape.ERROR);
        for (const truthy of [1, 'x', true, {}, { value: 0 }, [], [0], Buffer.alloc(0)])
          expect(shapeOf(['value', truthy])).toBe(Shape.OBJECT | Shape.TRUTHY);
        for (const falsy of [0, '', false, null]) expect(shapeOf(['value', falsy])).toBe(Shape.OBJECT);
        expect(shapeOf(['value', 1], ['value', 0])).toBe(Shape.OBJECT);
      });

      it('has no bytes of its own to read', () => {
        const list = sink.list([put('x'.repeat(5000))]);
        expect(() => list.reader()).toThrow(TypeError);
        list.release();
      });
    });

    describe('a hand-over file', () => {
      it('becomes a value when it has the announced size', async () => {
        const bytes = encoded({ text: 'z'.repeat(600_000) });
        const value = await handedOver(bytes, Shape.OBJECT);
        expect([value.shape, test.values(), sink.residentBytes]).toEqual([Shape.OBJECT, 1, bytes.length]);
        await expectBytes(value, bytes);
        value.release();
      });

      it('is refused when it has another size, and when it was sealed or discarded before', async () => {
        const source = sink.handoverSource();
        const refused = expect.objectContaining({ code: 'HANDOVER_REFUSED' }) as Error;
        const short = source.allocate(5)!;
        fs.writeFileSync(short.path, 'abc');
        await expect(short.seal(0)).rejects.toEqual(refused);
        const discarded = source.allocate(5)!;
        discarded.discard();
        discarded.discard();
        await expect(discarded.seal(0)).rejects.toEqual(refused);
        const sealed = source.allocate(3)!;
        fs.writeFileSync(sealed.path, 'abc');
        const value = await sealed.seal(0);
        await expect(sealed.seal(0)).rejects.toEqual(refused);
        value.release();
        source.close();
      });
    });

    describe('a value that arrives in chunks', () => {
      it.each([true, false])('has its bytes in order (memory allowed: %s)', async (mayBeInMemory) => {
        const chunks = [1, 2, 3].map((byte) => Buffer.alloc(1000, byte));
        const incoming = sink.receive(3000, mayBeInMemory);
        const written = chunks.map((chunk) => incoming.write(chunk));
        expect(written.every((writing) => (writing === undefined) === incoming.inMemory)).toBe(true);
        await Promise.all(written.map((writing) => Promise.resolve(writing)));
        const value = await incoming.seal(Shape.TRUTHY);
        expect([value.shape, test.values()]).toEqual([Shape.TRUTHY, 1]);
        await expectBytes(value, Buffer.concat(chunks));
        value.release();
      });

      it.each([true, false])('leaves nothing when it is discarded (memory allowed: %s)', async (mayBeInMemory) => {
        const incoming = sink.receive(3000, mayBeInMemory);
        const writing = incoming.write(Buffer.alloc(1000));
        incoming.discard();
        await writing;
      });

      it('keeps its own copy of each chunk', async () => {
        for (const mayBeInMemory of [true, false]) {
          const chunk = Buffer.alloc(1000, 1);
          const incoming = sink.receive(1000, mayBeInMemory);
          const writing = incoming.write(chunk);
          chunk.fill(2);
          await writing;
          const value = await incoming.seal(0);
          await expectBytes(value, Buffer.alloc(1000, 1));
          value.release();
        }
      });
    });

    describe('a pack', () => {
      it('takes small values over and gives each back once', async () => {
        const pack = sink.openPack(3);
        for (let slot = 0; slot < 3; slot++) expect(pack.put(slot, put({ slot }))).toBe(true);
        expect([pack.slots, pack.size, test.values()]).toEqual([3, 3 * encoded({ slot: 0 }).length, 3]);
        const second = pack.take(1)!;
        expect(second.shape).toBe(Shape.OBJECT);
        await expectBytes(second, encoded({ slot: 1 }));
        expect(pack.take(1)).toBeUndefined();
        second.release();
        expect(test.values()).toBe(2);
        pack.discard();
        expect([pack.size, test.values(), pack.take(0)]).toEqual([0, 0, undefined]);
      });

      it('refuses a large value, which stays its holder’s', () => {
        const pack = sink.openPack(2);
        const values = [put('x'.repeat(5000)), sink.list([put('x'.repeat(5000))])];
        for (const value of values) expect(pack.put(0, value)).toBe(false);
        for (const value of values) value.release();
        pack.discard();
      });

      it('writes the items of a LIST up to the first empty slot', () => {
        const pack = sink.openPack(3);
        for (const slot of [0, 2]) pack.put(slot, put(slot));
        const target = Buffer.alloc(100);
        const end = pack.writeItems(target, 7);
        expect(end).toBe(7 + 4 + 2);
        expect(target.subarray(7, end)).toEqual(Buffer.concat([Buffer.from([0, 0, 0, 2]), encoded(0)]));
        pack.discard();
      });
    });

    describe('room', () => {
      it('is announced at once while there is some', () => {
        let called = 0;
        sink.whenRoom(() => called++);
        expect([sink.hasRoom, called]).toEqual([true, 1]);
      });

      it('that comes lets in those who wait, in order, once each', async () => {
        const makeRoom = test.fill();
        expect(sink.hasRoom).toBe(false);
        const came: number[] = [];
        for (const number of [1, 2, 3]) sink.whenRoom(() => came.push(number));
        await new Promise(setImmediate);
        expect(came).toEqual([]);
        makeRoom();
        await until(() => came.length >= 3);
        expect([sink.hasRoom, came]).toEqual([true, [1, 2, 3]]);
      });

      it('is not needed by values that are put, and those of a namespace are counted with the others', () => {
        const makeRoom = test.fill();
        const before = test.values();
        const values = [put(1), sink.forNamespace('a').put(Buffer.alloc(5), 0)];
        expect(test.values()).toBe(before + 2);
        for (const value of values) value.release();
        makeRoom();
      });
    });

    describe('a query', () => {
      it('has the same result for small and large values, composites, and values in files', async () => {
        for (const pad of ['', 'x'.repeat(SMALL_BYTES)]) {
          const content = { way: { to: 'left' }, pad };
          const values = [
            put(content),
            await handedOver(encoded(content)),
            sink.record(Object.entries(content).map(([member, value]) => [member, put(value)])),
          ];
          for (const value of values) {
            expect(await queryValue(value, { get: 'member', path: ['way', 'to'] })).toBe('left');
            value.release();
          }
        }
      });
    });

    if (!spills) return;
    describe('a value that waits while memory is short', () => {
      it('leaves memory, reads the same, and leaves nothing after its last release', async () => {
        const bytes = encoded('w'.repeat(300_000));
        for (const make of [() => sink.put(bytes, Shape.TRUTHY), () => handedOver(bytes, Shape.TRUTHY)]) {
          const value = await make();
          const head = { shape: value.shape, size: value.size, parts: 1, depth: 0 };
          value.setWaiting(true);
          await test.spilled!(value);
          expect(value.bytes).toBeUndefined();
          expect(sink.residentBytes).toBe(0);
          expect(value).toMatchObject(head);
          value.setWaiting(false);
          await expectBytes(value, bytes);
          value.release();
          expect(test.values()).toBe(0);
        }
      });

      it('goes on being read by a reader that was opened before', async () => {
        const bytes = encoded('r'.repeat(300_000));
        for (const make of [() => sink.put(bytes, 0), () => handedOver(bytes)]) {
          const value = await make();
          const reader = value.reader();
          const first = Buffer.from(await reader.read(0, 1000));
          reader.close();
          value.setWaiting(true);
          await test.spilled!(value);
          const rest = await reader.read(1000, bytes.length);
          expect(bytes.equals(Buffer.concat([first, rest]))).toBe(true);
          reader.close();
          value.release();
        }
      });

      it('stays in memory while one of its holders uses it', async () => {
        const used = sink.put(Buffer.alloc(1000), 0);
        used.retain();
        used.setWaiting(true);
        const waiting = sink.put(Buffer.alloc(1000), 0);
        waiting.setWaiting(true);
        await test.spilled!(waiting);
        expect(used.bytes).toBeDefined();
        used.release();
        await test.spilled!(used);
        expect(used.bytes).toBeUndefined();
        used.release();
        waiting.release();
      });

      it('is a composite’s member too', async () => {
        const member = put('m'.repeat(100_000));
        const list = sink.list([member, put(1)]);
        list.setWaiting(true);
        await test.spilled!(member);
        await expectBytes(list, encodeList([encoded('m'.repeat(100_000)), encoded(1)]));
        list.setWaiting(false);
        list.release();
      });
    });
  });
}
