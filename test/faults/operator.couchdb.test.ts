import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import {
  couchAddress,
  describeWithService,
  dropDatabases,
  type FaultProxy,
  newPrefix,
  startFaultProxy,
} from '@dataflower/services';
import { putAction, run } from '../testing/calls.js';
import { Cluster, type Shim } from '../testing/cluster.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// Reports of `dataflower status` and the logs about a shim without CouchDB.

const suite = Suite.open();

describeWithService('couchdb', 'an operator, while CouchDB is away', ({ address }) => {
  const prefix = newPrefix();
  let proxy: FaultProxy;
  let cluster: Cluster;
  let shim: Shim;
  let plugin: Platform;

  beforeAll(async () => {
    proxy = await startFaultProxy(address);
    const { url, username, password } = couchAddress(proxy.url);
    cluster = await Cluster.open(suite, {
      DATAFLOWER_COUCHDB_URL: url,
      DATAFLOWER_COUCHDB_PREFIX: prefix,
      ...(username === undefined ? {} : { DATAFLOWER_COUCHDB_USERNAME: username }),
      ...(password === undefined ? {} : { DATAFLOWER_COUCHDB_PASSWORD: password }),
      DATAFLOWER_RECORDS_MAX_BYTES: '65536',
      DATAFLOWER_LOG_LEVEL: 'info',
    });
    [shim, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
    await putAction(plugin.api, 'echo', 'function main(a){return a}');
  });

  afterAll(async () => {
    proxy.fault = () => 'pass';
    await plugin.stop();
    await cluster.close();
    await proxy.close();
    await dropDatabases(address, prefix);
  });

  const status = async (): Promise<string> => (await dataflower(['status', '--data', cluster.dataDir])).stdout;

  test('sees at the plugin what waits at the shim and that it is full, and that it is carried again', async () => {
    // The news of its own creation may overtake the first look at it; then it is in memory with the next.
    for (let n = 0; n < 3; n++) expect((await run(plugin.api, 'echo')).status).toBe(200);
    const carried = async (): Promise<boolean> =>
      /^records of host0: .*, 0 waiting to be carried$/m.test(await status());
    await until(carried, { what: 'them to be carried' });

    proxy.fault = () => 'refuse';
    proxy.disconnect();
    const text = 'x'.repeat(8192);
    await until(async () => (await run(plugin.api, 'echo', { text })).status === 503, { what: 'the files to be full' });
    const full = await status();
    expect(full).toMatch(/^ {2}records of host0: the record files are full/m);
    expect(full).toMatch(/^records of host0: .*, [1-9]\d* waiting to be carried \(.* behind\); they are full/m);

    proxy.fault = () => 'pass';
    await until(carried, { what: 'all to be carried' });
    await until(async () => (await run(plugin.api, 'echo')).status === 200, { what: 'the plugin to know' });
    const said = shim.output();
    expect(said.match(/Records cannot be carried to CouchDB and wait in files/g)).toHaveLength(1);
    expect(said).toContain('Records are carried to CouchDB again');
    expect(said).not.toContain('"stack"');
  });
});
