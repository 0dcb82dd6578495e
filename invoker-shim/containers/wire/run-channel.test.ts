import { type Socket, connect } from 'node:net';
import { once } from 'node:events';
import { FrameType, PROTOCOL_VERSION, decodeJsonObject, encodeJsonFrame } from '@dataflower/action-runtime/protocol';
import { until } from '@dataflower/common/testing';
import { Fixture } from '../testing/fixture.js';
import { type ScriptedContainer, emptyFrame } from '../testing/scripted-driver.js';
import { testSpec } from '../testing/test-runs.js';

describe('the run channel, seen by the agent', () => {
  let f: Fixture;
  let sockets: Socket[];
  beforeEach(() => {
    f = new Fixture();
    sockets = [];
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    await f.close();
  });

  const open = async (container: ScriptedContainer): Promise<Socket> => {
    const socket = connect(container.options.socketPath);
    socket.on('error', () => undefined);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  };
  const greet = async (container: ScriptedContainer, key?: string): Promise<Socket> => {
    const socket = await open(container);
    const welcome = decodeJsonObject((await container.received(FrameType.WELCOME)).payload);
    const runChannel = key ?? (welcome['runChannel'] as string);
    socket.write(encodeJsonFrame(FrameType.HELLO, 0, { version: PROTOCOL_VERSION, runChannel }));
    return socket;
  };
  const sayReady = (container: ScriptedContainer): void =>
    container.send(encodeJsonFrame(FrameType.READY, 0, { ok: true, runChannel: true }));
  const beginWith = (after: (container: ScriptedContainer) => Promise<void>): void => {
    f.driver.script = async (container) => {
      await container.connect();
      container.hello();
      await container.received(FrameType.INIT);
      await after(container);
    };
  };

  it('carries small runs, and the answer comes on the connection', async () => {
    let bytes = 0;
    beginWith(async (container) => {
      const channel = await greet(container);
      channel.on('data', (chunk: Buffer) => (bytes += chunk.length));
      sayReady(container);
    });
    const run = f.run();
    await until(() => bytes > 0, { what: 'the run has come' });
    const container = f.driver.containers[0]!;
    expect(container.count(FrameType.RUN)).toBe(0);
    container.send(container.resultFrame(1, { a: 1 }));
    await until(() => run.isOver, { what: 'the run is over' });
    expect(run.end).toMatchObject({ status: 0, value: { a: 1 } });
    await expect(open(container)).rejects.toMatchObject({ code: expect.stringMatching(/ENOENT|ECONNREFUSED/) });
  });

  it('may come later than the READY that tells of it', async () => {
    let bytes = 0;
    beginWith(async (container) => {
      sayReady(container);
      const channel = await greet(container);
      channel.on('data', (chunk: Buffer) => (bytes += chunk.length));
    });
    const run = f.run();
    await until(() => bytes > 0, { what: 'the run has come' });
    f.driver.containers[0]!.send(f.driver.containers[0]!.resultFrame(1, {}));
    await until(() => run.isOver, { what: 'the run is over' });
  });

  it('once it has ended the container takes nothing more, but its run may answer', async () => {
    let channel: Socket | undefined;
    beginWith(async (container) => {
      channel = await greet(container);
      channel.resume();
      sayReady(container);
    });
    const run = f.run();
    await until(() => run.events.includes('started'), { what: 'it has started' });
    channel!.end();
    f.driver.script = (container) => container.comeUp();
    const first = f.driver.containers[0]!;
    await until(() => channel!.closed, { what: 'the channel is closed' });
    first.send(first.resultFrame(1, { a: 1 }));
    await until(() => run.isOver, { what: 'the run is over' });
    expect(run.end).toMatchObject({ status: 0, value: { a: 1 } });
    const next = f.run();
    const second = await f.driver.up(2);
    await second.received(FrameType.RUN);
    second.answer();
    await until(() => next.isOver, { what: 'the next is over' });
    expect(first.closed).toBe(true);
  });

  it.each<[string, (container: ScriptedContainer) => Promise<void>]>([
    [
      'a wrong key',
      async (container) => {
        await greet(container, 'k'.repeat(32));
        sayReady(container);
      },
    ],
    [
      'frames before its HELLO',
      async (container) => {
        (await open(container)).write(emptyFrame(FrameType.RESULT, 1));
        sayReady(container);
      },
    ],
    [
      'frames after its HELLO',
      async (container) => {
        (await greet(container)).write(emptyFrame(FrameType.RESULT, 1));
        sayReady(container);
      },
    ],
    [
      'an end before READY',
      async (container) => {
        const socket = await greet(container);
        socket.destroy();
        await once(socket, 'close');
        sayReady(container);
      },
    ],
    [
      'a READY for one that never comes, again',
      (container) => {
        sayReady(container);
        sayReady(container);
        return Promise.resolve();
      },
    ],
  ])('%s ends the container', async (_, script) => {
    beginWith(script);
    const run = f.run(testSpec());
    await f.advanceUntil(() => run.isOver, 100);
    expect(run.end?.status).not.toBe(0);
    expect(f.driver.alive).toEqual([]);
  });
});
