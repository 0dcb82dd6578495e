import fs from 'node:fs';
import fc from 'fast-check';
import type { ReplicatedLog } from '../log/record-log-options.js';
import { createReplicatedLog } from '../log/record-log.js';
import { idOf, recordOf, temporaryDirectory, written } from '../testing/record-log.js';
import { Replicator } from './replicator.js';
import type { RecordDocument } from './document.js';
import { type Fault, ModelDatabase } from '../testing/model-database.js';
import { until } from '../../testing/until.js';
import { quickClock } from '../testing/quick-clock.js';

// `CARRY_RUNS=2000 npm test -- carrier-properties` is the long form.
const RUNS = Number(process.env['CARRY_RUNS'] ?? 40);
const ACTIVATIONS = 40;

const faults: Fault[] = ['away', 'answer lost', 'half done', 'half refused', 'database deleted', 'none'];

type Step =
  | { readonly do: 'append'; readonly ids: readonly number[] }
  | { readonly do: 'faults'; readonly list: readonly Fault[] }
  | { readonly do: 'wait'; readonly requests: number }
  | { readonly do: 'foreign'; readonly id: number }
  | { readonly do: 'crash' }
  | { readonly do: 'restart' };

const id = fc.nat(ACTIVATIONS - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('append' as const), ids: fc.array(id, { maxLength: 30 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('faults' as const), list: fc.array(fc.constantFrom(...faults)) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), requests: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('foreign' as const), id }) },
  { weight: 2, arbitrary: fc.constant({ do: 'crash' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'restart' } as const) },
);

/** A log that is carried to a database, and what should be there in the end. */
class Run {
  readonly directories: string[] = [];
  readonly database = new ModelDatabase();
  readonly expected = new Map<string, unknown>();
  log!: ReplicatedLog;
  carrier!: Replicator;
  #version = 0;
  /** A request that a crashed process has under way reaches the database; its answer is lost. */
  readonly #dead: Promise<unknown>[] = [];

  async open(directory: string): Promise<void> {
    this.directories.push(directory);
    this.log = await createReplicatedLog({ dir: directory, maxBytes: 65_536, segmentBytes: 2048, clock: quickClock });
    this.carrier = new Replicator({
      source: this.log.replication,
      database: this.database,
      deadLetter: (document: RecordDocument) => Promise.reject(new Error(`${document.id} set aside`)),
      bounds: { maxRecords: 8, maxBytes: 4096 },
      clock: quickClock,
    });
  }

  async append(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) {
      const result = { version: ++this.#version };
      const key = `guest/${idOf(number)}`;
      const again = this.expected.has(key);
      this.log.append(recordOf(number, { result: JSON.stringify(result) }), again);
      if (!(this.expected.get(key) instanceof Foreign)) this.expected.set(key, result);
    }
    await written(this.log);
  }

  /** First come, first served: nothing of ours was carried yet. */
  foreign(number: number): void {
    const key = `guest/${idOf(number)}`;
    if (this.expected.has(key)) return;
    this.database.putForeign(key, { foreign: number });
    this.expected.set(key, new Foreign());
  }

  /** The directory as it is at this moment is what the next process finds. */
  async crash(): Promise<void> {
    const { carrier, log } = this;
    const directory = temporaryDirectory();
    copyFiles(this.directories.at(-1)!, directory);
    this.#dead.push(carrier.close().then(() => log.close()));
    await this.open(directory);
  }

  async restart(): Promise<void> {
    await this.carrier.close();
    await this.log.close();
    await this.open(this.directories.at(-1)!);
  }

  async end(): Promise<void> {
    this.database.faults = [];
    await Promise.all(this.#dead);
    this.database.faults = [];
    await until(() => this.carrier.status().waitingRecords === 0);
  }

  async close(): Promise<void> {
    await this.carrier.close();
    await this.log.close();
    await Promise.all(this.#dead);
    for (const directory of this.directories) fs.rmSync(directory, { recursive: true, force: true });
  }
}

class Foreign {}

/** Without the lock, and without what is renamed or removed just then. */
function copyFiles(from: string, to: string): void {
  for (const name of fs.readdirSync(from)) {
    if (name === 'lock') continue;
    try {
      fs.copyFileSync(`${from}/${name}`, `${to}/${name}`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
}

test('whatever fails and crashes, every record is in the database once, as it was last written (C1, C2, C3)', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
      const run = new Run();
      await run.open(temporaryDirectory());
      try {
        for (const next of steps) {
          if (next.do === 'append') await run.append(next.ids);
          else if (next.do === 'faults') run.database.faults = [...next.list];
          else if (next.do === 'foreign') run.foreign(next.id);
          else if (next.do === 'crash') await run.crash();
          else if (next.do === 'restart') await run.restart();
          else {
            const target = run.database.requests + next.requests;
            await until(() => run.database.requests >= target || run.carrier.status().waitingRecords === 0);
          }
        }
        await run.end();
        expect(run.database.stored.size).toBe(run.expected.size);
        for (const [key, result] of run.expected) {
          const found = run.database.resultOf(key);
          if (result instanceof Foreign) expect(found).toHaveProperty('foreign');
          else expect(found).toEqual(result);
        }
        expect(run.carrier.status()).toMatchObject({ gone: 0, deadLetters: 0, waitingBytes: expect.any(Number) });
      } finally {
        await run.close();
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: 60_000 },
  );
}, 600_000);
