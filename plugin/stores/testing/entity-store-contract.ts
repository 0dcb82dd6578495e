import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { ConflictError, type EntityStore, type StoredDocument } from '../entity-store.js';

function document(id: string, updated = 1, more: object = {}): StoredDocument {
  const [namespace, name] = id.split('/') as [string, string];
  return { _id: id, entityType: 'action', namespace, name, updated, ...more };
}

const bytes = (text: string) => ({ name: 'codefile', contentType: 'text/plain', data: Buffer.from(text) });

/** Tests of the port `EntityStore`; `open` returns an empty store. */
export function entityStoreContract(name: string, open: () => Promise<EntityStore>): void {
  describe(`${name}, as an entity store`, () => {
    let store: EntityStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    test('gives what was put, with its revision', async () => {
      const rev = await store.put(document('ns/a b@c', 5, { exec: { kind: 'x' } }));
      expect(await store.get('ns/a b@c')).toEqual(document('ns/a b@c', 5, { exec: { kind: 'x' }, _rev: rev }));
      expect(await store.get('ns/none')).toBeUndefined();
    });

    test('refuses a write that does not follow the last one', async () => {
      const first = await store.put(document('ns/a'));
      await expect(store.put(document('ns/a'))).rejects.toBeInstanceOf(ConflictError);
      const second = await store.put(document('ns/a', 2, { _rev: first }));
      await expect(store.put(document('ns/a', 3, { _rev: first }))).rejects.toBeInstanceOf(ConflictError);
      await expect(store.delete('ns/a', first)).rejects.toBeInstanceOf(ConflictError);
      expect(await store.get('ns/a')).toMatchObject({ updated: 2, _rev: second });
    });

    test('of several writes at once lets one through', async () => {
      const writes = await Promise.allSettled([1, 2, 3].map((updated) => store.put(document('ns/a', updated))));
      expect(writes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    });

    test('refuses a write that is many revisions behind', async () => {
      const first = await store.put(document('ns/a'));
      let rev = first;
      for (let updated = 2; updated < 30; updated++) rev = await store.put(document('ns/a', updated, { _rev: rev }));
      await expect(store.put(document('ns/a', 30, { _rev: first }))).rejects.toBeInstanceOf(ConflictError);
      await store.delete('ns/a', rev);
      expect(await store.put(document('ns/a', 31))).not.toBe(first);
      expect(await store.get('ns/a')).toMatchObject({ updated: 31 });
    });

    test('deletes, and never gives a revision again', async () => {
      const first = await store.put(document('ns/a'));
      await store.delete('ns/a', first);
      expect(await store.get('ns/a')).toBeUndefined();
      await expect(store.delete('ns/none', first)).rejects.toBeInstanceOf(ConflictError);
      expect(await store.put(document('ns/a'))).not.toBe(first);
    });

    test('lists one type of one namespace, newest first, in pages', async () => {
      await Promise.all(
        [
          ['ns/a', 3],
          ['ns/b', 1],
          ['ns/c', 2],
          ['other/d', 9],
        ].map(([id, updated]) => store.put(document(id as string, updated as number))),
      );
      await store.put(document('ns/e', 9, { entityType: 'rule' }));
      const names = async (skip: number, limit: number) =>
        (await store.list({ type: 'action', namespace: 'ns', skip, limit })).map((d) => d.name);
      expect(await names(0, 10)).toEqual(['a', 'c', 'b']);
      expect(await names(1, 1)).toEqual(['c']);
      expect(await store.count({ type: 'action', namespace: 'ns', skip: 1 })).toBe(2);
      expect(await store.count({ type: 'action', namespace: 'ns', skip: 7 })).toBe(0);
      expect(await store.list({ type: 'action', skip: 0, limit: 10 })).toHaveLength(4);
    });

    test('reads the documents of a page one after the other, when they are asked for', async () => {
      for (const [i, id] of ['ns/a', 'ns/b', 'ns/c', 'ns/d', 'other/e'].entries())
        await store.put(document(id, 10 - i, { data: 'x'.repeat(20_000) }));
      const names: string[] = [];
      for await (const { name, ...more } of store.each({ type: 'action', namespace: 'ns', skip: 1, limit: 9 })) {
        names.push(name);
        expect(more).toMatchObject({ entityType: 'action', data: 'x'.repeat(20_000) });
        if (names.length === 1) await store.delete('ns/c', (await store.get('ns/c'))!._rev!);
      }
      expect(names).toEqual(['b', 'd']);
    });

    test('lists equal times by id, whatever was written last', async () => {
      const names = ['b', 'a@x', 'A', 'a', 'a.b', 'Z9'];
      for (const name of names) await store.put(document(`ns/${name}`, 7));
      await store.put(document('ns/newer', 8));
      const sorted = ['newer', ...[...names].sort()];
      const all = await store.list({ type: 'action', namespace: 'ns', skip: 0, limit: 200 });
      expect(all.map(({ name }) => name)).toEqual(sorted);
      const pages = await Promise.all(
        [0, 3, 6].map((skip) => store.list({ type: 'action', namespace: 'ns', skip, limit: 3 })),
      );
      expect(pages.flat().map(({ name }) => name)).toEqual(sorted);
    });

    test('keeps namespaces apart whose names begin alike, and moves what was written again to the front', async () => {
      for (const id of ['a/x', 'a/y', 'aa/x', 'a b/x', 'A/x']) await store.put(document(id, 5));
      const first = await store.list({ type: 'action', namespace: 'a', skip: 0, limit: 200 });
      expect(first.map(({ _id }) => _id)).toEqual(['a/x', 'a/y']);
      const again = first[1]!;
      await store.put({ ...again, updated: 6 });
      await store.delete('a b/x', (await store.get('a b/x'))!._rev!);
      const second = await store.list({ type: 'action', namespace: 'a', skip: 0, limit: 200 });
      expect(second.map(({ _id }) => _id)).toEqual(['a/y', 'a/x']);
      expect(await store.count({ type: 'action', namespace: 'a b', skip: 0 })).toBe(0);
      expect(await store.count({ type: 'action', skip: 0 })).toBe(4);
      expect(await store.list({ type: 'none', namespace: 'a', skip: 0, limit: 5 })).toEqual([]);
    });

    test('takes every id that is a name', async () => {
      const ids = [
        'ns/a b',
        'ns/my_local_x',
        'ns/_design',
        'n@s.x&y-z/a.b&c@d-e',
        'ns/100',
        `ns/${'x'.repeat(256)}`,
        'ns/a+b%2Fc?d#e',
      ];
      for (const id of ids) {
        const rev = await store.put(document(id), bytes(id));
        expect(await store.get(id)).toEqual(document(id, 1, { _rev: rev }));
        expect((await store.attachment(id, rev, 'codefile'))?.toString()).toBe(id);
      }
      expect(await store.count({ type: 'action', skip: 0 })).toBe(ids.length);
      for (const id of ids) await store.delete(id, (await store.get(id))!._rev!);
      expect(await store.count({ type: 'action', skip: 0 })).toBe(0);
    });

    test('gives back what is in a document, byte for byte', async () => {
      const more = {
        texts: ['', 'grüße, 世界 🌍', 'a\u0000b', '\u2028"\\\n', 'e\u0301', '\ufeffx'],
        numbers: [0, -1.5, 1e300, 2 ** 53, 1e-300],
        nothing: null,
        nested: { '': { '.': [[], {}] }, ключ: true, $in: [1], constructor: 'x' },
        long: 'x'.repeat(2_000_000),
      };
      const rev = await store.put(document('ns/a', 1, more));
      expect(await store.get('ns/a')).toEqual(document('ns/a', 1, { ...more, _rev: rev }));
    });

    test('keeps large attachments of any bytes', async () => {
      const data = Buffer.alloc(3_000_000);
      for (let i = 0; i < data.length; i++) data[i] = (i * 2_654_435_761) >>> 13;
      const rev = await store.put(document('ns/a'), {
        name: 'codefile',
        contentType: 'application/octet-stream',
        data,
      });
      expect((await store.attachment('ns/a', rev, 'codefile'))?.equals(data)).toBe(true);
      expect(await store.attachment('ns/a', rev, 'other')).toBeUndefined();
      expect(await store.attachment('ns/none', rev, 'codefile')).toBeUndefined();
    });

    test('an attachment that is to be kept goes with a lost race', async () => {
      const first = await store.put(document('ns/a'), bytes('one'));
      const second = await store.put(document('ns/a', 2, { _rev: first }), bytes('two'));
      await expect(store.put(document('ns/a', 3, { _rev: first }), 'keep')).rejects.toBeInstanceOf(ConflictError);
      expect((await store.attachment('ns/a', second, 'codefile'))?.toString()).toBe('two');
      await store.delete('ns/a', second);
      await expect(store.put(document('ns/a', 4, { _rev: second }), 'keep')).rejects.toBeInstanceOf(ConflictError);
      const again = await store.put(document('ns/a', 5), 'keep');
      expect(await store.attachment('ns/a', again, 'codefile')).toBeUndefined();
    });

    test('what is held can be read until the hold ends, whatever becomes of its document', async () => {
      const first = await store.put(document('ns/a'), bytes('one'));
      const release = (await store.hold('ns/a', first, 'codefile'))!;
      const second = await store.put(document('ns/a', 2, { _rev: first }), 'keep');
      const again = (await store.hold('ns/a', second, 'codefile'))!;
      const third = await store.put(document('ns/a', 3, { _rev: second }), bytes('two'));
      release();
      await store.delete('ns/a', third);
      await store.put(document('ns/a', 4), bytes('other'));
      expect((await store.attachment('ns/a', second, 'codefile'))?.toString()).toBe('one');
      again();
      expect(await store.hold('ns/a', second, 'none')).toBeUndefined();
      expect(await store.hold('ns/none', second, 'codefile')).toBeUndefined();
    });

    test('a hold that is ended twice does not end another one', async () => {
      const rev = await store.put(document('ns/a'), bytes('one'));
      const [ours, theirs] = [await store.hold('ns/a', rev, 'codefile'), await store.hold('ns/a', rev, 'codefile')];
      await store.delete('ns/a', rev);
      ours!();
      ours!();
      expect((await store.attachment('ns/a', rev, 'codefile'))?.toString()).toBe('one');
      theirs!();
    });

    test('what is there now is held without a wait once it was', async () => {
      const rev = await store.put(document('ns/a'), bytes('one'));
      (await store.hold('ns/a', rev, 'codefile'))!();
      const release = store.hold('ns/a', rev, 'codefile');
      expect(release).toBeInstanceOf(Function);
      (release as () => void)();
    });

    test('every hold finds its bytes during concurrent writes, as in a simple model', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(
            fc.oneof(
              fc.record({ op: fc.constantFrom('put', 'keep', 'delete', 'hold'), id: fc.constantFrom('a', 'b') }),
              fc.record({ op: fc.constant('release'), which: fc.nat() }),
            ),
            { maxLength: 25 },
          ),
          async (steps) => {
            const run = randomUUID();
            const now = new Map<string, { rev: string; text: string }>();
            const held: { id: string; rev: string; text: string; release: () => void }[] = [];
            for (const [at, step] of steps.entries()) {
              if ('which' in step) {
                if (held.length > 0) held.splice(step.which % held.length, 1)[0]!.release();
                continue;
              }
              const id = `${run}/${step.id}`;
              const stored = now.get(id);
              const of = stored === undefined ? {} : { _rev: stored.rev };
              if (step.op === 'put') {
                const rev = await store.put(document(id, at, of), bytes(`${at}`));
                now.set(id, { rev, text: `${at}` });
              } else if (stored === undefined) {
                continue;
              } else if (step.op === 'keep') {
                now.set(id, { ...stored, rev: await store.put(document(id, at, of), 'keep') });
              } else if (step.op === 'delete') {
                await store.delete(id, stored.rev);
                now.delete(id);
              } else {
                held.push({ id, ...stored, release: (await store.hold(id, stored.rev, 'codefile'))! });
              }
              for (const { id: of, rev, text } of [...held, ...[...now].map(([id, stored]) => ({ id, ...stored }))])
                expect((await store.attachment(of, rev, 'codefile'))?.toString()).toBe(text);
            }
            for (const { release } of held) release();
          },
        ),
        { numRuns: 10 },
      );
    });

    test('loses no update, however many writers there are', async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 2, maxLength: 8 }), async (writers) => {
          const id = `ns/${randomUUID()}`;
          await store.put(document(id, 1, { written: [] }));
          const add = async (entry: string): Promise<void> => {
            const stored = (await store.get(id)) as StoredDocument & { written: string[] };
            try {
              await store.put({ ...stored, written: [...stored.written, entry] } as StoredDocument);
            } catch (error) {
              if (!(error instanceof ConflictError)) throw error;
              await add(entry);
            }
          };
          const entries = writers.flatMap((count, writer) => Array.from({ length: count }, (_, i) => `${writer}.${i}`));
          await Promise.all(entries.map(add));
          const { written } = (await store.get(id)) as StoredDocument & { written: string[] };
          expect([...written].sort()).toEqual(entries.sort());
        }),
        { numRuns: 3 },
      );
    });

    test('keeps attachments, replaces them and drops them', async () => {
      const first = await store.put(document('ns/a'), bytes('one'));
      expect((await store.attachment('ns/a', first, 'codefile'))?.toString()).toBe('one');
      const second = await store.put(document('ns/a', 2, { _rev: first }), 'keep');
      expect((await store.attachment('ns/a', second, 'codefile'))?.toString()).toBe('one');
      const third = await store.put(document('ns/a', 3, { _rev: second }), bytes('two'));
      expect((await store.attachment('ns/a', third, 'codefile'))?.toString()).toBe('two');
      const fourth = await store.put(document('ns/a', 4, { _rev: third }));
      expect(await store.attachment('ns/a', fourth, 'codefile')).toBeUndefined();
      expect(await store.get('ns/a')).toEqual(document('ns/a', 4, { _rev: fourth }));
    });
  });
}
