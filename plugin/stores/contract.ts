import { ConflictError, type EntityStore, type StoredDocument } from './entity-store.js';

function document(id: string, updated = 1, more: object = {}): StoredDocument {
  const [namespace, name] = id.split('/') as [string, string];
  return { _id: id, entityType: 'action', namespace, name, updated, ...more };
}

const bytes = (text: string) => ({ name: 'codefile', contentType: 'text/plain', data: Buffer.from(text) });

/** What every entity store does; `open` gives an empty one. */
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
