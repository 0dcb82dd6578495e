import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import Docker from 'dockerode';
import { until } from '@dataflower/common/testing';
import { describeWithService, dockerOptions } from '@dataflower/services';
import { type ActivationRecord, putAction, result, run } from '../testing/calls.js';
import { dockerEnvironment } from '../testing/docker.js';
import { OwnEngine } from '../testing/own-engine.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const DIED = 'The action did not produce a valid response and exited unexpectedly.';
const NOT_PROVISIONED = 'Failed to provision resources to run the action.';
const HELD = 'async function main({ms}){await new Promise((r)=>setTimeout(r,ms));return {held:true}}';

const suite = Suite.open();

/** The engine, or an operator, does something to the containers: activations are told, and the platform goes on. */
describeWithService('docker', 'containers and their engine', ({ address }) => {
  const docker = new Docker(dockerOptions(address));

  /** Ids of the containers that a server of this pid has on an engine. */
  async function containersOf(pid: number, engine = docker): Promise<string[]> {
    const all = await engine.listContainers({ all: true, filters: JSON.stringify({ label: ['dataflower.process'] }) });
    return all.filter(({ Labels }) => Labels['dataflower.process']!.startsWith(`${pid}-`)).map(({ Id }) => Id);
  }
  const networksOf = async (pid: number): Promise<string[]> => {
    const all = await docker.listNetworks({ filters: JSON.stringify({ label: ['dataflower.process'] }) });
    return all.filter(({ Labels }) => Labels!['dataflower.process']!.startsWith(`${pid}-`)).map(({ Id }) => Id);
  };
  const filtersOf = (pid: number): string[] =>
    execFileSync('nft', ['list', 'tables'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(`_${pid}_`));
  const errorOf = (record: ActivationRecord): unknown => (record.response.result as { error?: unknown }).error;
  const record = async (platform: Platform, name: string, params: object): Promise<ActivationRecord> =>
    (await run(platform.api, name, params)).json;

  describe('on an engine that others use too', () => {
    let platform: Platform;
    beforeAll(async () => {
      platform = await suite.start({ environment: await dockerEnvironment(address) });
      await putAction(platform.api, 'held', HELD, { limits: { timeout: 8000 } });
      const starts = `const {spawnSync}=require('child_process');
        function main(){spawnSync(process.execPath,['-e','setTimeout(()=>{},9000)']);return {}}`;
      await putAction(platform.api, 'starts', starts);
    });

    test('a container that somebody kills fails what it ran, and the next call runs', async () => {
      const running = record(platform, 'starts', {});
      await until(
        async () => {
          const [id] = await containersOf(platform.pid);
          if (id === undefined) return false;
          const { Processes } = (await docker
            .getContainer(id)
            .top()
            .catch(() => ({ Processes: [] }))) as {
            Processes: string[][];
          };
          return (
            Processes.length > 1 &&
            docker
              .getContainer(id)
              .kill()
              .then(() => true)
          );
        },
        { what: 'its child runs' },
      );
      expect(errorOf(await running)).toBe(DIED);
      expect(await result(platform.api, 'held', { ms: 1 })).toEqual({ held: true });
    });

    test('a container that somebody pauses runs into its time limit, and the next call runs', async () => {
      expect(await result(platform.api, 'held', { ms: 1 })).toEqual({ held: true });
      for (const id of await containersOf(platform.pid)) await docker.getContainer(id).pause();
      expect(errorOf(await record(platform, 'held', { ms: 1 }))).toMatch(/exceeded its time limits/);
      expect(await result(platform.api, 'held', { ms: 1 })).toEqual({ held: true });
    });

    test('what a killed server leaves is removed by the next, and nothing of one that lives', async () => {
      await result(platform.api, 'held', { ms: 1 });
      const other = await suite.start({ environment: await dockerEnvironment(address) });
      await putAction(other.api, 'held', HELD);
      await result(other.api, 'held', { ms: 1 });
      await other.kill();
      expect(await containersOf(other.pid)).not.toEqual([]);
      expect(filtersOf(other.pid)).not.toEqual([]);

      const next = await suite.start({ environment: await dockerEnvironment(address) });
      expect([await containersOf(other.pid), await networksOf(other.pid), filtersOf(other.pid)]).toEqual([[], [], []]);
      expect(await containersOf(platform.pid)).not.toEqual([]);
      expect(await result(platform.api, 'held', { ms: 1 })).toEqual({ held: true });
      await next.stop();
    });

    test('a server that is told to stop leaves nothing', async () => {
      await result(platform.api, 'held', { ms: 1 });
      expect(await networksOf(platform.pid)).toHaveLength(1);
      await platform.stop();
      const { pid } = platform;
      expect([await containersOf(pid), await networksOf(pid), filtersOf(pid)]).toEqual([[], [], []]);
    });
  });

  describe('on an engine that goes away', () => {
    // A name of its own: what it names is in use, and only a name can be taken away then.
    const image = 'dataflower-test/runtime:1';
    let engine: OwnEngine;
    let platform: Platform;
    beforeAll(async () => {
      engine = new OwnEngine();
      await engine.start();
      const environment = await dockerEnvironment(address);
      const id = environment.DATAFLOWER_CONTAINERS_IMAGE!;
      await engine.load(id, address);
      await engine.docker.getImage(id).tag({ repo: 'dataflower-test/runtime', tag: '1' });
      platform = await suite.start({
        environment: {
          ...environment,
          DATAFLOWER_CONTAINERS_DOCKER_HOST: engine.address,
          DATAFLOWER_CONTAINERS_IMAGE: image,
          // Every call of an action that has none is to need a container of its own.
          DATAFLOWER_CONTAINERS_PREWARM: '[]',
          DATAFLOWER_CONTAINERS_NETWORK: 'none',
        },
      });
      for (const name of ['one', 'two', 'three', 'four']) await putAction(platform.api, name, HELD);
      await result(platform.api, 'one', { ms: 1 });
    });
    afterAll(async () => {
      await platform.stop();
      await engine.stop();
    });

    test('no room on its disk is an error of the call; with room again the next runs', async () => {
      const free = engine.fillDisk();
      expect(errorOf(await record(platform, 'two', { ms: 1 }))).toBe(NOT_PROVISIONED);
      free();
      expect(await result(platform.api, 'two', { ms: 1 })).toEqual({ held: true });
    });

    test('killed under load and started again, it costs what ran, and the platform goes on', async () => {
      const calls = ['one', 'two', 'three', 'four'].map((name) => record(platform, name, { ms: 3000 }));
      await engine.kill();
      // A running function may end well: its container stays until it is ended.
      for (const call of await Promise.all(calls)) expect([undefined, DIED, NOT_PROVISIONED]).toContain(errorOf(call));
      expect(errorOf(await record(platform, 'three', { ms: 1 }))).toBe(NOT_PROVISIONED);
      await engine.start();
      await until(async () => (await run(platform.api, 'three', { ms: 1 })).status === 200, {
        what: 'functions run again',
      });
      expect(await result(platform.api, 'one', { ms: 1 })).toEqual({ held: true });
      // Nothing is left of what was there before.
      await until(
        async () => {
          const ids = await containersOf(platform.pid, engine.docker);
          return ids.length === 2;
        },
        { what: 'what the engine kept is removed' },
      );
    });

    test('an image of the platform that is not there any more is an error of the call, and the log names it', async () => {
      await engine.docker.getImage(image).remove({ force: true });
      expect(errorOf(await record(platform, 'four', { ms: 1 }))).toBe(NOT_PROVISIONED);
      expect(platform.output()).toMatch(/No such image: dataflower-test\/runtime:1/i);
    });
  });
});
