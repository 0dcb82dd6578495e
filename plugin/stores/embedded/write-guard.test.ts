import type { Clock } from '@dataflower/common';
import { ConflictError, StoreUnavailableError } from '../entity-store.js';
import { WriteGuard } from './write-guard.js';

/** A clock with one timer, which the test fires. */
class OneTimer implements Clock {
  readonly delays: number[] = [];
  fire: (() => void) | undefined;

  now(): number {
    return 0;
  }

  wall(): number {
    return 0;
  }

  after(ms: number, callback: () => void): () => void {
    this.delays.push(ms);
    this.fire = callback;
    return () => (this.fire = undefined);
  }
}

let clock: OneTimer;
let reopened: number;
let reopen: () => Promise<void>;
let told: (string | undefined)[];
let guard: WriteGuard;
beforeEach(() => {
  clock = new OneTimer();
  reopened = 0;
  reopen = () => Promise.resolve();
  told = [];
  guard = new WriteGuard({
    clock,
    reopen: () => {
      reopened++;
      return reopen();
    },
    onProblem: (reason) => told.push(reason),
  });
});

const fails = (text: string) => () => Promise.reject(new Error(text));
const works = () => Promise.resolve('written');
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function retry(): Promise<void> {
  clock.fire!();
  await turn();
}

test('after a failed write none is taken before the store was read back', async () => {
  await expect(guard.write(fails('ENOSPC'))).rejects.toBeInstanceOf(StoreUnavailableError);
  let writes = 0;
  const write = () => {
    writes++;
    return works();
  };
  await expect(guard.write(write)).rejects.toThrow('The store cannot be used now: ENOSPC');
  expect([writes, guard.problem, reopened]).toEqual([0, 'ENOSPC', 0]);
  let finish = (): void => undefined;
  reopen = () => new Promise((resolve) => (finish = resolve));
  await retry();
  expect(reopened).toBe(1);
  await expect(guard.write(write)).rejects.toBeInstanceOf(StoreUnavailableError);
  finish();
  await turn();
  expect(guard.problem).toBeUndefined();
  expect(await guard.write(write)).toBe('written');
  expect(told).toEqual(['ENOSPC', undefined]);
});

test('whoever is refused hears the cause of the first failure, as the operating system named it', async () => {
  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  const refused = [guard.write(() => Promise.reject(full)), guard.write(works)];
  for (const refusal of await Promise.allSettled(refused)) {
    let error: unknown = (refusal as PromiseRejectedResult).reason;
    expect(error).toBeInstanceOf(StoreUnavailableError);
    while (error !== full && error instanceof Error) error = error.cause;
    expect(error).toBe(full);
  }
});

test('a conflict is no failure', async () => {
  await expect(guard.write(() => Promise.reject(new ConflictError('a')))).rejects.toBeInstanceOf(ConflictError);
  expect(await guard.write(works)).toBe('written');
});

test('what was written while another write failed is not confirmed, and ends before the store is opened again', async () => {
  let finish = (): void => undefined;
  const slow = guard.write(() => new Promise<void>((resolve) => (finish = resolve)));
  const outcome = expect(slow).rejects.toBeInstanceOf(StoreUnavailableError);
  await expect(guard.write(fails('EIO'))).rejects.toBeInstanceOf(StoreUnavailableError);
  await retry();
  expect(reopened).toBe(0);
  finish();
  await turn();
  expect(reopened).toBe(1);
  await outcome;
  expect(await guard.write(works)).toBe('written');
});

test('it waits longer from one failure to the next, up to a bound, until a write succeeds', async () => {
  reopen = fails('still full');
  await expect(guard.write(fails('full'))).rejects.toThrow();
  for (let i = 0; i < 8; i++) await retry();
  expect(clock.delays).toEqual([100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
  expect(told).toEqual(['full', 'still full']);
  reopen = works as () => Promise<never>;
  await retry();
  await expect(guard.write(fails('full'))).rejects.toThrow();
  expect(clock.delays.at(-1)).toBe(5000);
  await retry();
  await guard.write(works);
  await expect(guard.write(fails('full'))).rejects.toThrow();
  expect(clock.delays.at(-1)).toBe(100);
});

test('closed, it writes no more and opens no more', async () => {
  await expect(guard.write(fails('full'))).rejects.toThrow();
  let finish = (): void => undefined;
  reopen = () => new Promise((resolve) => (finish = resolve));
  await retry();
  let closed = false;
  const closing = guard.close().then(() => (closed = true));
  await turn();
  expect(closed).toBe(false);
  finish();
  await closing;
  await expect(guard.write(works)).rejects.toBeInstanceOf(StoreUnavailableError);
  expect([clock.delays.length, reopened, told]).toEqual([1, 1, ['full']]);
});
