import { rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRecordLog } from '@dataflower/common/records';
import { testAgent } from '../testing/agent.js';
import { connectSecurely, HostServer, listenSecurely, RemoteHost, WithheldRecords } from '../index.js';
import { hostContract, type OpenHost } from '../testing/host-contract.js';

const SECRET = 'a secret of at least thirty-two characters';

hostContract('a host in this process', async (): Promise<OpenHost> => {
  const dir = mkdtempSync(join(tmpdir(), 'dataflower-test-'));
  const records = await createRecordLog({ dir });
  const host = testAgent({ records, containers: { maxContainers: 4, helloTimeoutMs: 60_000 } });
  const close = async (): Promise<void> => {
    await host.close(5000);
    await records.close();
    await rm(dir, { recursive: true });
  };
  return { host, records, close };
});

hostContract('a host behind a connection', async (): Promise<OpenHost> => {
  const dir = mkdtempSync(join(tmpdir(), 'dataflower-test-'));
  const records = new WithheldRecords(await createRecordLog({ dir: join(dir, 'host') }));
  const ownRecords = await createRecordLog({ dir: join(dir, 'gateway') });
  const host = testAgent({ id: 'host7', records, containers: { maxContainers: 4, helloTimeoutMs: 60_000 } });
  const server = new HostServer({ id: 'host7', product: '1', host, records });
  const listener = await listenSecurely({
    host: '127.0.0.1',
    port: 0,
    secret: SECRET,
    accept: (stream) => server.accept(stream),
    refused: () => undefined,
  });
  const address = { host: '127.0.0.1', port: listener.port };
  const remote = new RemoteHost({
    id: 'host7',
    address: `127.0.0.1:${listener.port}`,
    open: (signal) => connectSecurely(address, SECRET, signal),
    product: '1',
    name: 'test',
    records: ownRecords,
    codes: { load: () => Promise.reject(new Error('no code here')) },
  });
  const close = async (): Promise<void> => {
    await remote.close(5000);
    listener.close();
    server.drain();
    await host.close(5000);
    await server.close();
    await records.close();
    await ownRecords.close();
    await rm(dir, { recursive: true });
  };
  return { host: remote, records: remote.records, close };
});
