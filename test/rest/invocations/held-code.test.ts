import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '@dataflower/common/testing';
import { startTestServer } from '@dataflower/dataflower/testing';

test('refused and ended invocations hold no code', async () => {
  const server = await startTestServer({ throttles: { concurrentInvocations: 1 } });
  try {
    const code = `/* ${'x'.repeat(20_000)} */ function main() {}`;
    await server.action('f', {
      exec: { kind: 'nodejs:20', code },
      annotations: [{ key: 'final', value: true }],
      parameters: [{ key: 'a', value: 1 }],
    });
    await server.action('small');
    await server.call('POST', 'actions/small?blocking=true');
    expect(server.host.messages.pop()).not.toHaveProperty('ended');
    const wrong = await server.call('POST', 'actions/f?blocking=true', { a: 2 });
    expect(wrong.status).toBe(400);
    expect((await server.call('POST', 'actions/f?blocking=true', '{')).status).toBe(400);
    server.host.script = () => 'held';
    expect((await server.call('POST', 'actions/f')).status).toBe(202);
    expect((await server.call('POST', 'actions/f')).status).toBe(429);
    const [message] = server.host.messages;
    const { spec } = message!.target as { spec: { load(): Promise<{ code: Buffer }> } };
    expect((await server.call('DELETE', 'actions/f')).status).toBe(200);
    expect((await spec.load()).code.toString()).toBe(code);
    const files = async (): Promise<number> =>
      (await readdir(join(server.dataDir, 'entities', 'documents'))).filter((name) => name.endsWith('.attachment'))
        .length;
    expect(await files()).toBe(1);
    server.host.release();
    await until(async () => (await files()) === 0);
  } finally {
    await server.close();
  }
});
