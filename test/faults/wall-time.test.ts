import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { until } from '@dataflower/common/testing';
import {
  type ActivationRecord,
  byKey,
  parts,
  putAction,
  putGated,
  putSequence,
  record,
  run,
} from '../testing/calls.js';
import { Cluster } from '../testing/cluster.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

// The system's clock is set by an hour while something runs. It is set for the processes of the platform alone: what Node
// tells them of the wall's time, a file moves.

const suite = Suite.open();
const HOUR_MS = 3_600_000;
let settings = 0;

/** The wall's time of the processes that have its environment. */
class Wall {
  readonly #file = join(suite.directory, `ahead-${++settings}`);
  #aheadMs = 0;

  constructor() {
    this.set(0);
  }

  get environment(): Readonly<Record<string, string>> {
    const preload = `
      import { readFileSync } from 'node:fs';
      const { now } = Date;
      const wall = () => now() + Number(readFileSync(process.env.WALL_AHEAD, 'utf8'));
      globalThis.Date = class extends Date {
        constructor(...given) { super(...(given.length === 0 ? [wall()] : given)); }
        static now() { return wall(); }
      };`;
    const url = `data:text/javascript,${encodeURIComponent(preload)}`;
    return { NODE_OPTIONS: `--import=${url}`, WALL_AHEAD: this.#file };
  }

  get now(): number {
    return Date.now() + this.#aheadMs;
  }

  set(byMs: number): void {
    this.#aheadMs += byMs;
    writeFileSync(this.#file, String(this.#aheadMs));
  }
}

async function prepare({ api }: Platform): Promise<void> {
  await putGated(api, 'gated');
  await putAction(api, 'next', 'function main(a){return a}');
  await putSequence(api, 'chain', ['gated', 'next']);
  const waits = "const fs=require('fs');function main({began}){fs.writeFileSync(began,'');return new Promise(()=>0)}";
  await putAction(api, 'endless', waits, { limits: { timeout: 6000 } });
}

let wall: Wall;
beforeEach(() => {
  wall = new Wall();
});

/** Ends that are sane whatever the clock does. */
function expectSane({ start, end, duration }: ActivationRecord, tookMs: number): void {
  expect(end).toBe(start + duration);
  expect(duration).toBeGreaterThanOrEqual(0);
  expect(duration).toBeLessThanOrEqual(tookMs + 1);
}

describe.each([
  ['an hour back', -HOUR_MS],
  ['an hour forward', HOUR_MS],
])('a clock that is set %s', (_, byMs) => {
  const gate = (name: string): string => join(suite.directory, `${name}-${settings}`);

  async function setWhile(running: () => Promise<boolean> | boolean): Promise<void> {
    await until(running, { what: 'it to run' });
    wall.set(byMs);
  }

  describe('under one process', () => {
    let platform: Platform;
    beforeEach(async () => {
      platform = await suite.start({ environment: wall.environment });
      await prepare(platform);
    });
    afterEach(() => platform.stop());

    test('neither fails what runs nor lets it run for ever', async () => {
      const { api } = platform;
      const since = performance.now();
      const began = gate('began');
      const stopped = record(api, 'endless', { began });
      const going = record(api, 'gated', { gate: gate('going') });
      await setWhile(() => existsSync(began));
      const late = await stopped;
      expect(late.response.result).toEqual({ error: 'The action exceeded its time limits of 6000 milliseconds.' });
      expectSane(late, performance.now() - since);
      expect(late.duration).toBeGreaterThanOrEqual(6000);
      writeFileSync(gate('going'), '');
      const done = await going;
      expect(done.response.result).toEqual({ done: true });
      expectSane(done, performance.now() - since);
    });

    test('does not part a sequence from its functions; what follows is dated by the wall', async () => {
      const { api } = platform;
      const since = performance.now();
      const going = record(api, 'chain', { gate: gate('chain') });
      await setWhile(async () => /^dataflower_runs_running 1$/m.test((await api.get('/metrics')).text));
      writeFileSync(gate('chain'), '');
      const whole = await going;
      const took = performance.now() - since;
      const both = await parts(api, whole);
      expect(both).toHaveLength(2);
      for (const part of both) {
        expectSane(part, took);
        expect(part.start).toBeGreaterThanOrEqual(whole.start);
        expect(part.end).toBeLessThanOrEqual(whole.end);
        expect(Number(byKey(part.annotations)['waitTime'])).toBeLessThanOrEqual(took + 1);
      }
      expect(whole.end - whole.start).toBeLessThanOrEqual(took + 1);
      const before = wall.now;
      const next = await record(api, 'gated', { gate: gate('chain') });
      expect(next.start).toBeGreaterThanOrEqual(before - 1000);
      expect(next.start).toBeLessThanOrEqual(wall.now);
    });
  });

  test('is no reason to take a host for lost, and moves nothing between plugin and shim', async () => {
    const cluster = await Cluster.open(suite, wall.environment);
    try {
      const [, plugin] = await Promise.all([cluster.shim(), cluster.plugin()]);
      await prepare(plugin);
      const since = performance.now();
      const began = gate('far');
      const stopped = run(plugin.api, 'endless', { began });
      await setWhile(() => existsSync(began));
      const { status, json } = await stopped;
      expect(status).toBe(502);
      expect(json.response.result).toEqual({ error: 'The action exceeded its time limits of 6000 milliseconds.' });
      expectSane(json, performance.now() - since);
      await plugin.stop();
    } finally {
      await cluster.close();
    }
  });
});
