import { couchAddress, describeWithService, dropDatabases, newPrefix } from '@dataflower/services';
import { CouchCodeSource } from './code-source.js';
import { CouchClient } from './couch-client.js';
import { CouchDatabase, type CouchDocument } from './couch-database.js';
import { prepareDatabase } from './prepare-database.js';

describeWithService('couchdb', 'Code of actions in CouchDB', ({ address }) => {
  const name = `${newPrefix()}code`;
  const client = new CouchClient(couchAddress(address));
  const database = new CouchDatabase(client, name);
  const codes = new CouchCodeSource(database);
  beforeAll(() => prepareDatabase(client, name, { version: 1, designs: {} }));
  afterAll(async () => {
    await client.close();
    await dropDatabases(address, name);
  });
  const put = (more: object): Promise<string> =>
    database.put({ _id: 'ns/a b', entityType: 'action', ...more } as CouchDocument) as Promise<string>;

  test('is found by the revision of the document, in it or beside it', async () => {
    const small = await put({ exec: { kind: 'nodejs:20', code: 'function main() { return "ü" }', binary: false } });
    expect(await codes.load('ns/a b', small)).toEqual({ code: 'function main() { return "ü" }' });
    const large = 'x'.repeat(2_000_000);
    const data = Buffer.from(large).toString('base64');
    const attached = await put({
      _rev: small,
      exec: { kind: 'nodejs:20', binary: true },
      _attachments: { codefile: { content_type: 'text/plain', data } },
    });
    expect((await codes.load('ns/a b', attached)).code === large).toBe(true);
    await expect(
      codes.load(
        'ns/a b',
        attached.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      ),
    ).rejects.toThrow('Action could not be found or may have been deleted.');
    await expect(codes.load('ns/none', small)).rejects.toThrow('Action could not be found or may have been deleted.');
  });

  test('of a sequence there is none', async () => {
    const rev = (await database.put({ _id: 'ns/s', exec: { kind: 'sequence', components: [] } } as CouchDocument))!;
    await expect(codes.load('ns/s', rev)).rejects.toThrow('Action could not be found or may have been deleted.');
  });
});
