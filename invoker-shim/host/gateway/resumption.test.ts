import fc from 'fast-check';
import type { FunctionTarget } from '../host.js';
import { portableFunction, startOf } from '../testing/targets.js';
import { Distance } from '../testing/distance.js';

// The fate of activations when connections break, hosts die and gateways wait.

const echo = portableFunction('echo', '');

let distance: Distance;
afterEach(() => distance.close());

/** A gateway that is connected. */
async function connected(): Promise<Distance> {
  distance = new Distance();
  await distance.until(() => distance.remote.reach === 'connected');
  return distance;
}

describe('a broken connection', () => {
  test('loses nothing: what was answered meanwhile, what still runs, what was not received', async () => {
    const { process, remote, ownRecords } = await connected();
    const [before, during, after, held] = Array.from({ length: 4 }, (_, n) => startOf(echo, { n }));
    for (const message of [before!, during!, after!]) distance.start(message);
    await distance.until(() => process!.host.running.length === 3);
    // Its answer is on the way when the connection breaks.
    process!.host.finish(before!.activationId);
    distance.stream.destroy();
    await distance.until(() => remote.reach === 'reconnecting');
    process!.host.finish(during!.activationId);
    distance.start(held!);
    await distance.until(() => remote.reach === 'connected');
    process!.host.finish(after!.activationId);
    await distance.until(() => process!.host.running.includes(held!.activationId));
    process!.host.finish(held!.activationId);
    await distance.until(() => remote.unanswered === 0);
    for (const [n, { activationId }] of [before!, during!, after!, held!].entries()) {
      expect(distance.answers.get(activationId)).toEqual([
        { result: JSON.stringify({ n }), record: expect.objectContaining({ activationId, status: 0 }) },
      ]);
    }
    expect(new Set(process!.host.started).size).toBe(process!.host.started.length);
    expect(ownRecords.appended).toEqual([]);
  });

  test('gives the caller what the record does not keep', async () => {
    const { process, remote } = await connected();
    const message = startOf(echo);
    distance.start(message);
    await distance.until(() => process!.host.running.length === 1);
    distance.stream.destroy();
    process!.host.finish(message.activationId, '{"$value":{}}', '{"data":"bytes"}');
    await distance.until(() => remote.unanswered === 0);
    expect(distance.answers.get(message.activationId)).toMatchObject([{ result: '{"data":"bytes"}' }]);
  });

  test('a target larger than a frame comes in parts, again over the next connection', async () => {
    const { process, remote } = await connected();
    const text = 'ü'.repeat(35 * 1024 * 1024);
    const large = portableFunction('large', '', { text });
    for (let starts = 1; starts <= 3; starts++) {
      const message = startOf(large);
      distance.start(message);
      await distance.until(() => process!.host.running.length === 1);
      const { spec } = process!.host.message(message.activationId)!.target as FunctionTarget;
      expect(spec.source!.init.env.text === text).toBe(true);
      process!.host.finish(message.activationId);
      await distance.until(() => remote.unanswered === 0);
      if (starts === 2) distance.stream.destroy();
    }
    // Two connections, and the second start over the first one names it.
    expect(distance.streams).toHaveLength(2);
  });

  test('asks again what has no reply', async () => {
    const { remote, process } = await connected();
    process!.kill();
    const status = remote.status();
    await distance.until(() => remote.reach === 'connected');
    await distance.pass(100);
    expect(await status).toMatchObject({ activations: 0 });
  });

  test('cancels what has not been sent yet', async () => {
    const { process, remote } = await connected();
    distance.stream.destroy();
    await distance.until(() => remote.reach === 'reconnecting');
    const message = startOf(echo);
    distance.start(message);
    const { activationId, identity } = message;
    const cancelled = remote.cancel({ activationId, namespace: identity.namespace, reason: 'no more' });
    await distance.until(() => remote.unanswered === 0);
    expect(await cancelled).toEqual({ outcome: 'stopping' });
    expect(process!.host.cancelled).toEqual([activationId]);
  });

  test('under load, cut again and again at any byte: everything is run once and answered once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.infiniteStream(fc.nat(99)), async (numbers) => {
        const random = (): number => numbers.next().value as number;
        distance = new Distance(() => random() % 4);
        const messages = Array.from({ length: 80 }, (_, n) => startOf(echo, { n }));
        const unsent = [...messages];
        const { host } = distance.process!;
        let cuts = 0;
        let connectedAt = distance.clock.now();
        while (unsent.length > 0 || distance.remote.unanswered > 0) {
          for (let n = random() % 4; n > 0 && unsent.length > 0; n--) distance.start(unsent.shift()!);
          for (const id of host.running) if (random() % 3 === 0) host.finish(id);
          if (distance.remote.reach === 'connected') connectedAt = distance.clock.now();
          // A host of which nothing is heard for 4 s is lost: the last two of them are left to connect in, with pauses of 1 s at most.
          const spared = distance.clock.now() - connectedAt > 2000;
          if (random() % 12 === 0 && !spared && cuts < 30 && distance.streams.length > 0) {
            cuts++;
            distance.stream.destroy();
          }
          await distance.pass(10);
        }
        expect(cuts).toBeGreaterThan(0);
        expect(host.started.toSorted()).toEqual(messages.map(({ activationId }) => activationId).toSorted());
        for (const [n, { activationId }] of messages.entries()) {
          expect(distance.answers.get(activationId)).toMatchObject([{ result: JSON.stringify({ n }) }]);
        }
        expect(distance.ownRecords.appended).toEqual([]);
        await distance.close();
      }),
      { numRuns: 20 },
    );
  });
});

describe('a host that is lost', () => {
  test('fails what it had within 5 s with an internal error that is recorded; then nothing is taken', async () => {
    const { process, remote, ownRecords, clock } = await connected();
    const message = startOf(echo);
    distance.start(message);
    await distance.until(() => process!.host.running.length === 1);
    process!.kill();
    distance.process = undefined;
    const since = clock.now();
    await distance.until(() => remote.unanswered === 0);
    expect(clock.now() - since).toBeLessThan(5000);
    const { activationId } = message;
    const error = '{"error":"There was an internal server error."}';
    expect(distance.answers.get(activationId)).toMatchObject([{ result: error, record: { status: 3, activationId } }]);
    expect(ownRecords.appended).toMatchObject([{ activationId, status: 3, result: error, namespace: 'guest' }]);
    expect(remote.reach).toBe('lost');
    expect(() => distance.start(startOf(echo))).toThrow(/host0 cannot be reached/);
    await expect(remote.status()).rejects.toThrow(/cannot be reached/);
  });

  test.each([-3_600_000, 3_600_000])(
    'is recorded as long as it took, with a clock that is set by %i ms',
    async (byMs) => {
      const { process, remote, ownRecords, clock } = await connected();
      const receivedAt = clock.wall();
      const received = clock.now();
      await distance.pass(500);
      distance.start({ ...startOf(echo), receivedAt, received });
      await distance.until(() => process!.host.running.length === 1);
      // The host counts from when the request came in, though it shares no clock with the gateway; the way itself is not known.
      const [id] = process!.host.running;
      expect(clock.now() - process!.host.message(id!)!.received).toBeGreaterThanOrEqual(500);
      clock.setWall(byMs);
      process!.kill();
      distance.process = undefined;
      await distance.until(() => remote.unanswered === 0);
      const [record] = ownRecords.appended;
      expect(record).toMatchObject({ start: receivedAt, end: receivedAt + record!.duration });
      expect(record!.duration).toBeGreaterThan(500);
      expect(record!.duration).toBeLessThan(5500);
    },
  );

  test('fails what it was asked while it was being looked for, as soon as it is lost', async () => {
    const { process, remote, clock } = await connected();
    process!.kill();
    distance.process = undefined;
    await distance.until(() => remote.reach === 'reconnecting');
    const since = clock.now();
    let failedAt: number | undefined;
    const asked = remote.records.get('guest', 'f'.repeat(32)).catch((error: unknown) => {
      failedAt = clock.now();
      throw error;
    });
    asked.catch(() => undefined);
    await distance.until(() => failedAt !== undefined);
    expect(failedAt! - since).toBeLessThan(5000);
    await expect(asked).rejects.toThrow(/cannot be reached/);
  });

  test('that has only gone silent is lost as soon', async () => {
    const { process, remote, clock } = await connected();
    distance.start(startOf(echo));
    await distance.until(() => process!.host.running.length === 1);
    // It takes everything and says nothing.
    distance.process = undefined;
    distance.stream.peer.removeAllListeners('data').resume();
    distance.stream.peer._write = (_chunk, _encoding, done) => done();
    const since = clock.now();
    await distance.until(() => remote.unanswered === 0);
    expect(clock.now() - since).toBeLessThan(5000);
  });

  test('that comes back is told what was given up: it is stopped, and has one record', async () => {
    const { process, remote, files, ownRecords } = await connected();
    const [running, done] = [startOf(echo), startOf(echo)];
    for (const message of [running, done]) distance.start(message);
    await distance.until(() => process!.host.running.length === 2);
    distance.process = undefined;
    distance.stream.destroy();
    await distance.until(() => remote.reach === 'lost');
    process!.host.finish(done.activationId);
    distance.process = process;
    await distance.until(() => process!.host.cancelled.length === 1);
    await distance.pass(100);
    expect(process!.host.cancelled).toEqual([running.activationId]);
    // Its earlier record gives way; the other activation has no record there.
    const lost = { status: 3, annotations: { lostHost: 'host0' } };
    expect(files.last(done.activationId)).toMatchObject(lost);
    expect(files.last(running.activationId)).toBeUndefined();
    for (const { activationId } of [running, done]) {
      expect(distance.answers.get(activationId)).toHaveLength(1);
      expect(ownRecords.appended.filter((record) => record.activationId === activationId)).toHaveLength(1);
    }
  });

  test('that comes back to another process of the gateway is told all the same', async () => {
    const { process, files, ownRecords } = await connected();
    const [running, done, between] = [startOf(echo), startOf(echo), startOf(echo)];
    for (const message of [running, done, between]) distance.start(message);
    await distance.until(() => process!.host.running.length === 3);
    distance.process = undefined;
    distance.stream.destroy();
    await distance.until(() => distance.remote.reach === 'lost');
    expect(ownRecords.appended).toHaveLength(3);
    distance.killGateway();
    process!.host.finish(done.activationId);
    distance.process = process;
    const remote = distance.restartGateway();
    await distance.until(() => remote.reach === 'connected');
    await distance.until(() => process!.host.cancelled.length === 2);
    await distance.pass(100);
    const lost = { status: 3, annotations: { lostHost: 'host0' } };
    expect(files.last(done.activationId)).toMatchObject(lost);
    for (const { activationId } of [running, between]) expect(files.last(activationId)).toBeUndefined();
    // Told once, it is not told again.
    expect(ownRecords.notes.open('given-up')).toEqual([]);
  });

  test('that comes back while a record is being written: that one gives way too', async () => {
    const { process, remote, files } = await connected();
    const message = startOf(echo);
    distance.start(message);
    await distance.until(() => process!.host.running.length === 1);
    distance.process = undefined;
    distance.stream.destroy();
    await distance.until(() => remote.reach === 'lost');
    const writing: (() => void)[] = [];
    files.written = (callback) => void writing.push(callback);
    process!.host.finish(message.activationId);
    distance.process = process;
    await distance.until(() => remote.reach === 'connected');
    await distance.pass(100);
    for (const written of writing) written();
    await distance.pass(100);
    expect(files.last(message.activationId)).toMatchObject({ status: 3, annotations: { lostHost: 'host0' } });
    expect(distance.answers.get(message.activationId)).toHaveLength(1);
  });

  test('and is started again fails at once what it had, except what its records have', async () => {
    const { process, remote, clock, ownRecords } = await connected();
    const [recorded, running] = [startOf(echo, { recorded: true }), startOf(echo)];
    for (const message of [recorded, running]) distance.start(message);
    await distance.until(() => process!.host.running.length === 2);
    process!.kill();
    process!.host.finish(recorded.activationId);
    const since = clock.now();
    const later = startOf(echo, { later: true });
    distance.restart();
    await distance.until(() => remote.reach !== 'connected');
    distance.start(later);
    await distance.until(() => distance.process!.host.running.length === 1);
    await distance.until(() => remote.unanswered === 1);
    expect(clock.now() - since).toBeLessThan(1000);
    expect(distance.answers.get(recorded.activationId)).toMatchObject([{ result: '{"recorded":true}' }]);
    expect(distance.answers.get(running.activationId)).toMatchObject([{ record: { status: 3 } }]);
    expect(ownRecords.appended.map(({ activationId }) => activationId)).toEqual([running.activationId]);
    distance.process!.host.finish(later.activationId);
    await distance.until(() => remote.unanswered === 0);
    expect(distance.answers.get(later.activationId)).toMatchObject([{ result: '{"later":true}' }]);
  });

  test('before anything got to it: the error says that nothing was started', async () => {
    distance = new Distance();
    distance.process!.kill();
    distance.process = undefined;
    const message = startOf(echo);
    distance.start(message);
    await distance.until(() => distance.remote.unanswered === 0);
    expect(distance.answers.get(message.activationId)).toMatchObject([
      { result: '{"error":"Failed to provision resources to run the action."}', record: { status: 3 } },
    ]);
  });
});

test('a gateway that was itself stopped for a while hears first, and gives nothing up', async () => {
  const { process, remote, clock } = await connected();
  const message = startOf(echo);
  distance.start(message);
  await distance.until(() => process!.host.running.length === 1);
  // A minute in which no timer fired: they all fire now, once.
  clock.standStill(60_000);
  process!.host.finish(message.activationId);
  await distance.until(() => remote.unanswered === 0);
  expect(distance.answers.get(message.activationId)).toMatchObject([{ record: { status: 0 } }]);
});

test('a gateway that is gone for good leaves what runs to the host, with its record', async () => {
  const { process, remote, files } = await connected();
  const message = startOf(echo);
  distance.start(message);
  await distance.until(() => process!.host.running.length === 1);
  const closed = remote.close(0);
  await distance.pass(120_000);
  await closed;
  process!.host.finish(message.activationId);
  expect(files.last(message.activationId)).toMatchObject({ status: 0 });
  expect(process!.host.cancelled).toEqual([]);
});

test('a host that is being stopped is given nothing more, and what it refuses fails with a record', async () => {
  const { process, remote, ownRecords } = await connected();
  process!.server.drain();
  await distance.until(() => remote.load?.draining === true);
  expect(() => distance.start(startOf(echo))).toThrow(/takes no more work/);
  const { process: next } = await connected();
  next!.host.refusal = new Error('the host is stopping and takes no more work');
  const message = startOf(echo);
  distance.start(message);
  await distance.until(() => distance.remote.unanswered === 0);
  expect(distance.answers.get(message.activationId)).toMatchObject([{ record: { status: 3 } }]);
  expect(distance.ownRecords.appended).toHaveLength(1);
  expect(ownRecords.appended).toEqual([]);
});

describe('who ends the connection', () => {
  test('does not wait for a gateway that stands still, and takes no further one', async () => {
    const { process } = await connected();
    const { stream } = distance;
    stream.pause();
    const closed = process!.server.close();
    await distance.pass(2500);
    await closed;
    expect(stream.peer.destroyed).toBe(true);
    stream.destroy();
    await distance.pass(3000);
    expect(distance.streams.length).toBeGreaterThan(1);
    expect(distance.streams.every(({ peer }) => peer.destroyed)).toBe(true);
    expect(process!.server.gateways).toEqual([]);
  });

  test('does not wait for a host that stands still', async () => {
    const { remote } = await connected();
    distance.stream.peer.pause();
    await remote.close(0);
    await distance.pass(1500);
    expect(distance.stream.destroyed).toBe(true);
  });
});

test('payloads that may have to be sent again are bounded, and forgotten once received', async () => {
  distance = new Distance(() => 0, undefined, { maxKeptBytes: 100 });
  await distance.until(() => distance.remote.reach === 'connected');
  distance.start(startOf(echo, { text: 'x'.repeat(200) }));
  expect(() => distance.start(startOf(echo))).toThrow(/takes no more work/);
  await distance.pass(2000);
  distance.start(startOf(echo));
  expect(distance.remote.unanswered).toBe(2);
});
