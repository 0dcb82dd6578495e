import { beforeAll, expect, test } from '@jest/globals';
import { describeWithService } from '@dataflower/services';
import { putAction, putGraph, putSequence, result } from '../testing/calls.js';
import { dockerEnvironment } from '../testing/docker.js';
import type { Platform } from '../testing/platform.js';
import { Suite } from '../testing/suite.js';

const BYTES = 8 * 2 ** 20;
const suite = Suite.open();

/** Opens whatever of large values can be guessed, and keeps it: names are small numbers. */
const KEEP = `const fs = require('node:fs');
  const kept = new Map();
  function keep() {
    for (const side of ['out', 'in']) for (let n = 1; n <= 50; n++) for (const mode of ['r+', 'r']) {
      try { kept.set(side + n + mode, fs.openSync('/run/values/' + side + '/' + n, mode)); } catch { }
    }
    return [...kept.keys()];
  }
  function scribble() {
    let written = 0;
    for (const [name, fd] of kept) if (name.endsWith('r+')) for (let at = 0; at < ${BYTES}; at += 4096) {
      try { written += fs.writeSync(fd, 'changed!', at); } catch { break; }
    }
    return written;
  }
  /** First bytes of the files that are kept now. */
  function look() {
    const found = {};
    for (const [name, fd] of kept) {
      const bytes = Buffer.alloc(8);
      found[name] = fs.fstatSync(fd).size + ' ' + bytes.subarray(0, fs.readSync(fd, bytes, 0, 8, 0)).toString();
    }
    return found;
  }`;
const FILLED = (text: string): string => `Buffer.alloc(${BYTES}, '${text}')`;

/** Large values go through files in shared memory; whoever has had one open keeps nothing of it. */
describeWithService('docker', 'large values between containers', ({ address }) => {
  let platform: Platform;

  beforeAll(async () => {
    platform = await suite.start({
      environment: { ...(await dockerEnvironment(address)), DATAFLOWER_CONTAINERS_NETWORK: 'none' },
    });
  });

  test('what was handed over cannot be changed by who handed it over', async () => {
    const produce = `${KEEP}
      exports.main = async (params, context) => {
        for (const text of ['warm', 'original']) {
          const taken = context.emit(text, ${FILLED('original')});
          keep();
          await taken;
        }
        // By now the agent has it; who is to have it is only just being started.
        await new Promise((resolve) => setTimeout(resolve, 150));
        keep();
        const written = scribble();
        return { kept: keep(), written };
      }`;
    const check = `exports.main = ({ data }) => {
        const changed = data.indexOf('changed!');
        return { changed, bytes: data.length, own: data.subarray(0, 8).toString() };
      }`;
    await putAction(platform.api, 'produce', produce);
    await putAction(
      platform.api,
      'check',
      `const check = ${check.replace('exports.main = ', '')};exports.main = (value) => check({ data: value })`,
    );
    const node = (id: string, outputs: object): object => ({
      id,
      kind: 'action',
      action: `/_/${id}`,
      inputs: { in: 'NORMAL' },
      outputs,
    });
    await putAction(platform.api, 'drop', 'exports.main = (value) => ({ bytes: value.length })');
    await putAction(platform.api, 'join', 'exports.main = (value) => value');
    await putGraph(platform.api, 'change', {
      version: 1,
      nodes: [
        node('produce', { warm: 'NORMAL', original: 'NORMAL' }),
        node('drop', {}),
        node('check', {}),
        {
          id: 'join',
          kind: 'action',
          action: '/_/join',
          inputs: { report: 'NORMAL', checked: 'NORMAL', dropped: 'NORMAL' },
          outputs: {},
        },
      ],
      edges: [
        { from: '$USER.params', to: 'produce.in' },
        { from: 'produce.warm', to: 'drop.in' },
        { from: 'produce.original', to: 'check.in' },
        { from: 'produce.out', to: 'join.report' },
        { from: 'check.out', to: 'join.checked' },
        { from: 'drop.out', to: 'join.dropped' },
        { from: 'join.out', to: '$USER.result' },
      ],
    });
    const { report, checked } = (await result(platform.api, 'change')) as {
      report: { kept: string[]; written: number };
      checked: object;
    };
    // It did have them open, and did write: into what is its own.
    expect(report.kept.some((name) => name.startsWith('out'))).toBe(true);
    expect(report.written).toBeGreaterThan(0);
    expect(checked).toEqual({ changed: -1, bytes: BYTES, own: 'original' });
  });

  test('what was handed to one cannot be changed by it, nor seen by it or anyone else later', async () => {
    await putAction(
      platform.api,
      'make',
      `exports.main = ({ text }) => ({ text, data: Buffer.alloc(${BYTES}, text) })`,
    );
    const spy = `${KEEP}
      exports.main = ({ text, data, then }) => {
        const first = data === undefined ? '' : data.subarray(0, 8).toString();
        return { first, kept: keep(), written: scribble(), found: look() };
      }`;
    await putAction(platform.api, 'spy', spy);
    await putAction(platform.api, 'other', spy);
    await putSequence(platform.api, 'to-spy', ['make', 'spy']);
    await putSequence(platform.api, 'to-other', ['make', 'other']);
    const seen = async (name: string, params: object): Promise<Record<string, unknown>> =>
      await result(platform.api, name, params);

    const spied = await seen('to-spy', { text: 'secret-1' });
    expect(spied.first).toBe('secret-1');
    // It holds its own input open, and could only read it.
    expect(spied.kept).toEqual(['in1r']);
    expect(spied.written).toBe(0);
    for (const text of ['secret-2', 'secret-3']) {
      expect(await seen('to-other', { text })).toMatchObject({ first: text, written: 0 });
    }
    const later = await seen('spy', {});
    expect(later.found).toEqual({ in1r: '0 ' });
  });
});
