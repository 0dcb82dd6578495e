import type { Init } from '@dataflower/action-runtime/protocol';
import { systemClock } from '@dataflower/common';
import { type CodeSource, loadSource } from '@dataflower/common/code';
import { functionTarget } from '../../engine/testing/workflows.js';
import type { FunctionTarget, StartMessage } from '../host.js';

const NO_CODES: CodeSource = { load: () => Promise.reject(new Error('there is no store here')) };

/** A function with this code, which any host can load. */
export function portableFunction(name: string, code: string, env: Record<string, string> = {}): FunctionTarget {
  const target = functionTarget(name);
  const init: Init = {
    name,
    main: 'main',
    binary: false,
    kind: 'code',
    env,
    parameters: {},
    logLimitBytes: 1024,
    memoryMiB: 256,
  };
  const source = { init, code: { code, binary: false } };
  return { ...target, spec: { ...target.spec, source, load: () => loadSource(source, NO_CODES) } };
}

let lastId = 0;

/** A start of its own id. */
export function startOf(target: StartMessage['target'], payload: unknown = {}): StartMessage {
  return {
    activationId: (++lastId).toString(16).padStart(32, '0'),
    transactionId: 'transaction',
    identity: { namespace: 'guest', subject: 'guest' },
    target,
    payload: Buffer.from(JSON.stringify(payload)),
    receivedAt: systemClock.wall(),
    received: systemClock.now(),
    paradigm: 'dataflow',
  };
}
