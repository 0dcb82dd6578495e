import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { zip } from '../testing/archives.js';
import { parts, putAction, record } from '../testing/calls.js';
import { type Platform, dataflower } from '../testing/platform.js';
import { repositoryPath } from '../testing/command.js';
import { Suite } from '../testing/suite.js';

const suite = Suite.open();
let platform: Platform;
const folder = repositoryPath('experiments/workloads/wordcount');
const source = (name: string): string => readFileSync(join(folder, 'actions', name), 'utf8');
const text = 'the quick brown fox jumps over the lazy dog and the dog sleeps\n'.repeat(5000);
const expected = Object.fromEntries(
  ['the', 'dog', 'and', 'brown', 'fox', 'jumps', 'lazy', 'over', 'quick', 'sleeps'].map((word, i) => [
    word,
    [15000, 10000][i] ?? 5000,
  ]),
);

beforeAll(async () => {
  platform = await suite.start();
  const splitter = async (main: string): Promise<Buffer> =>
    zip({ 'package.json': JSON.stringify({ main }), [main]: source(main), 'parts.js': source('parts.js') });
  await putAction(platform.api, 'wordcount-split', await splitter('split.js'));
  await putAction(platform.api, 'wordcount-split-list', await splitter('split-list.js'));
  await putAction(platform.api, 'wordcount-count', source('count.js'));
  await putAction(platform.api, 'wordcount-merge', source('merge.js'));
});

test.each([
  ['on ports', 'wordcount.graph.json'],
  ['as a composition with map', 'wordcount-map.composition.js'],
])(
  'word count %s, deployed by the command line, counts every word by either paradigm',
  async (_what, file) => {
    const at = ['--apihost', platform.url, '--auth', platform.authorization, '--overwrite'];
    const { code, stderr } = await dataflower(['deploy', 'wordcount', join(folder, 'workflows', file), ...at], {
      environment: { HOME: suite.directory, TMPDIR: suite.temporaryDir },
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const paradigm of ['dataflow', 'controlflow']) {
      const top = await record(
        platform.api,
        'wordcount',
        { text, partBytes: 32768 },
        { headers: { 'X-Dataflower-Paradigm': paradigm } },
      );
      expect(top.response.result).toEqual({ words: 65000, counts: expected });
      const counters = (await parts(platform.api, top)).filter(({ name }) => name === 'wordcount-count');
      expect(counters).toHaveLength(Math.ceil(text.length / 32768));
    }
  },
  300_000,
);
