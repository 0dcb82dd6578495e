import type { CodeSource } from '@dataflower/common/code';
import { portableFunction, startOf } from '../testing/targets.js';
import type { FunctionTarget, StartMessage } from '../host.js';
import { Distance } from '../testing/distance.js';

// Gateways keep code for activations until they have ended; hosts ask those that keep it.

let distance: Distance;
let ends: string[];
beforeEach(async () => {
  ends = [];
  distance = new Distance();
  await distance.until(() => distance.remote.reach === 'connected');
});
afterEach(() => distance.close());

const target = portableFunction('f', '');
function started(goesOn: boolean, of = target): StartMessage {
  const message = startOf(of);
  const { activationId } = message;
  if (goesOn) distance.process!.host.goesOn.add(activationId);
  distance.start({ ...message, ended: () => ends.push(activationId) });
  return message;
}

/** An answered activation. */
async function answered(goesOn: boolean): Promise<string> {
  const { activationId } = started(goesOn);
  await distance.until(() => distance.process!.host.running.includes(activationId));
  distance.process!.host.finish(activationId);
  await distance.until(() => distance.answers.get(activationId)!.length > 0);
  return activationId;
}

test('an activation ends with its answer, or when its host says so later', async () => {
  const [at, later] = [await answered(false), await answered(true)];
  await distance.pass(1000);
  expect(ends).toEqual([at]);
  distance.process!.host.end(later);
  await distance.until(() => ends.length === 2);
  expect(ends).toEqual([at, later]);
});

test('the end of one is known though the connection was broken, and only of that one', async () => {
  const [first, second] = [await answered(true), await answered(true)];
  distance.stream.destroy();
  await distance.until(() => distance.remote.reach === 'reconnecting');
  distance.process!.host.end(first);
  await distance.until(() => ends.length > 0);
  await distance.pass(2000);
  expect(ends).toEqual([first]);
  distance.process!.host.end(second);
  await distance.until(() => ends.length === 2);
});

test('a connection that breaks with the answer on its way ends nothing early', async () => {
  const { activationId } = started(true);
  await distance.until(() => distance.process!.host.running.length === 1);
  distance.process!.host.finish(activationId);
  distance.stream.destroy();
  await distance.until(() => distance.answers.get(activationId)!.length > 0);
  await distance.pass(1000);
  expect(ends).toEqual([]);
  distance.process!.host.end(activationId);
  await distance.until(() => ends.length === 1);
});

test('what went on in a host that was started again has ended, and so has what is unanswered there', async () => {
  const first = await answered(true);
  const { activationId: second } = started(false);
  await distance.until(() => distance.process!.host.running.includes(second));
  distance.restart();
  await distance.until(() => ends.length === 2);
  expect(new Set(ends)).toEqual(new Set([first, second]));
});

test('nothing is kept for a host that is lost', async () => {
  await answered(true);
  started(false);
  await distance.pass(100);
  distance.process!.kill();
  distance.process = undefined;
  await distance.until(() => ends.length === 2);
});

describe('code', () => {
  const stored = (revision: string): FunctionTarget => {
    const init = target.spec.source!.init;
    const source = { init, code: { binary: false, documentId: 'ns/a', revision } };
    return { ...target, spec: { ...target.spec, source } };
  };
  const loaded = async ({ activationId }: StartMessage): Promise<string> => {
    const { spec } = distance.process!.host.message(activationId)!.target as FunctionTarget;
    const loading = spec.load().then(
      ({ code }) => code.toString(),
      (error: unknown) => (error as Error).message,
    );
    let text: string | undefined;
    void loading.then((found) => (text = found));
    await distance.until(() => text !== undefined);
    return text!;
  };
  const has = (revision: string): CodeSource => ({
    load: (_id, wanted) =>
      wanted === revision ? Promise.resolve({ code: `code ${revision}` }) : Promise.reject(new Error('it is gone')),
  });

  test('is asked of every gateway that is connected, and of one that keeps it when that is back', async () => {
    const [one, two] = [distance.gateway(has('1')), distance.gateway(has('2'))];
    await distance.until(() => one.reach === 'connected' && two.reach === 'connected');
    const [, ofOne] = distance.streams;
    const [first, second, third] = ['1', '1-again', '2'].map((revision) => startOf(stored(revision)));
    distance.start({ ...first!, ended: () => undefined }, one);
    distance.start(third!, two);
    await distance.until(() => distance.process!.host.running.length === 2);
    expect(await loaded(third!)).toBe('code 2');
    ofOne!.destroy();
    await distance.until(() => one.reach === 'reconnecting');
    expect(await loaded(first!)).toBe('code 1');
    distance.start(second!, two);
    await distance.until(() => distance.process!.host.running.length === 3);
    expect(await loaded(second!)).not.toMatch(/^code/);
    const closing = [one.close(0), two.close(0)];
    await distance.pass(1200);
    await Promise.all(closing);
  });
});
