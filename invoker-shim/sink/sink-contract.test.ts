import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { until } from '@dataflower/common/testing';
import { createDataSink } from './index.js';
import { MemorySink } from './testing/memory-sink.js';
import { sinkContract } from './testing/sink-contract.js';

const LIMIT_BYTES = 4 * 1024 * 1024;

sinkContract(
  'the sink of a host',
  () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'sink-contract-'));
    const sink = createDataSink({ limitBytes: LIMIT_BYTES, spillDir: base, handoverDir: base });
    const fill = (): (() => void) => {
      const value = sink.put(Buffer.alloc(LIMIT_BYTES), 0);
      return () => value.release();
    };
    return {
      sink,
      fill,
      values: () => sink.metrics.values,
      spilled: async (value) => {
        const { spills } = sink.metrics;
        const makeRoom = fill();
        await until(() => sink.metrics.spills > spills && value.bytes === undefined);
        makeRoom();
      },
      close: async () => {
        await sink.close();
        expect(fs.readdirSync(base)).toEqual([]);
        fs.rmdirSync(base);
      },
    };
  },
  true,
);

sinkContract(
  'the sink of tests',
  () => {
    const sink = new MemorySink();
    sink.useFiles();
    return {
      sink,
      values: () => sink.live,
      fill: () => {
        sink.hasRoom = false;
        return () => (sink.hasRoom = true);
      },
      close: () => sink.close(),
    };
  },
  false,
);
