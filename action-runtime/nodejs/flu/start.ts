import { initFailure, initFailureText } from '../bridge/init-failure.js';
import type { FluConfig, FromFlu } from '../bridge/messages.js';
import { Emitter } from './emitter.js';
import { loadAction, needsOwnProcess } from './load-action.js';
import { LogLines } from './log-lines.js';
import { Runner } from './runner.js';
import type { Transport, TransportEvents } from './transport.js';

/** A transport before it is told whom to call. */
export interface StartableTransport extends Transport {
  listen(events: TransportEvents): void;
  post(message: FromFlu): void;
}

/**
 * Loads the action, says READY to the DLU and serves runs from then on.
 *
 * @param channel Settles when it is known whether there is a run channel: true when it is open.
 */
export async function startFlu(
  config: FluConfig,
  transport: StartableTransport,
  channel: Promise<boolean>,
): Promise<void> {
  const logs = new LogLines(transport, config.init.logLimitBytes, config.endMark);
  logs.capture();
  process.on('exit', () => {
    logs.flush();
    transport.flush();
  });
  const emitter = new Emitter(transport, config.emitWindowBytes);
  let main;
  try {
    main = await loadAction(config);
  } catch (error) {
    console.error(initFailureText(error));
    logs.flush();
    transport.post({
      type: 'ready',
      ok: false,
      error: initFailure(error),
      needsProcess: needsOwnProcess(error),
      logs: logs.early,
    });
    return;
  }
  let draining = false;
  const runner = new Runner(config, main, transport, emitter, logs, () => {
    if (draining) transport.post({ type: 'idle' });
  });
  transport.listen({
    onRun: () => runner.wake(),
    onDefine: (id, definition) => runner.define(id, definition),
    onEnvironment: (variables) => Object.assign(process.env, variables),
    onGrant: (bytes) => emitter.grant(bytes),
    onStop: () => {
      logs.flush();
      transport.post({ type: 'stopped' });
    },
    onDrain: () => {
      draining = true;
      if (runner.idle) transport.post({ type: 'idle' });
    },
  });
  transport.post({ type: 'ready', ok: true, runChannel: await channel });
}
