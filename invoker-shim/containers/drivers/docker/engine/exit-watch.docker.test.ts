import { TestClock, until } from '@dataflower/common/testing';
import { describeWithService } from '@dataflower/services';
import { DockerImages } from '../../../openwhisk-runtime/testing/docker-images.js';
import { AgentIdentity } from './agent-identity.js';
import { Engine } from './engine.js';
import { ExitWatch } from './exit-watch.js';

describeWithService('docker', "the watch of the engine's events", ({ address }) => {
  const images = new DockerImages(address);
  const engine = new Engine(address);
  const identity = new AgentIdentity();
  const made: string[] = [];

  afterAll(async () => {
    await Promise.all(made.map((id) => engine.remove(id)));
    engine.close();
    await images.remove();
  });

  /** A container that ends by itself, with this label. */
  async function create(label: string): Promise<string> {
    const id = await engine.create(`dataflower-watch-${identity.short}-${made.length}`, {
      Image: await images.own(),
      Entrypoint: ['node', '-e', 'process.exit(3)'],
      Labels: { ...identity.labels, label },
      NetworkDisabled: true,
      HostConfig: { NetworkMode: 'none' },
    });
    made.push(id);
    return id;
  }

  it('goes on over an event that is too long, and knows of whom it told', async () => {
    const warnings: string[] = [];
    const logger = {
      warn: (_: object, text: string) => void warnings.push(text),
      error: (_: object, text: string) => void warnings.push(text),
    };
    // Its clock stands still: opened again it would not be.
    const watch = new ExitWatch(engine, identity, new TestClock(), logger as never, () => undefined);
    await watch.open();
    const ended = new Map<string, number | null>();
    const [burden, neighbour] = [await create('<'.repeat(100_000)), await create('short')];
    for (const id of [burden, neighbour])
      watch.add(id, { outOfMemory: () => undefined, ended: (code) => ended.set(id, code) });
    await engine.start(burden);
    await until(() => ended.has(burden), { what: 'its end is known' });
    await engine.start(neighbour);
    await until(() => ended.has(neighbour), { what: 'that of the neighbour is told' });
    expect([...ended]).toEqual([
      [burden, null],
      [neighbour, 3],
    ]);
    expect(watch.connected).toBe(true);
    expect(warnings).toEqual([expect.stringContaining('too long')]);
    watch.close();
  });
});
