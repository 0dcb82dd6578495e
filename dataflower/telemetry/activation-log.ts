import type { ActivationRecord, RecordedDataflow } from '@dataflower/common/records';
import type { HostAgentEvents, StartMessage } from '@dataflower/invoker-shim';

/** Receives the trace of activations; a pino logger fits. */
export interface ActivationLogger {
  debug(fields: object, message: string): void;
}

/** Writes a line when an activation starts, and one when it or a part of it ends; each line names the activation. */
export class ActivationLog implements HostAgentEvents {
  readonly #logger: ActivationLogger;

  constructor(logger: ActivationLogger) {
    this.#logger = logger;
  }

  started({ activationId, transactionId, identity, target, paradigm }: StartMessage): void {
    const { path } = target.action;
    this.#logger.debug(
      { activationId, transactionId, namespace: identity.namespace, action: path, paradigm },
      'an activation starts',
    );
  }

  readonly ended = (record: ActivationRecord, again: boolean): void => {
    if (again) return;
    const { activationId, cause, name, status, start, end, annotations } = record;
    const times = (annotations['dataflow'] ?? {}) as RecordedDataflow;
    const { node, tag, container, coldStart, queued, started, init } = times;
    this.#logger.debug(
      {
        activationId,
        ...(cause !== undefined && { cause }),
        name,
        status,
        durationMs: end - start,
        ...(node !== undefined && { node, tag }),
        ...(container !== undefined && container !== '' && { container, coldStart }),
        ...(queued !== undefined && started !== undefined && { queuedMs: started - (init ?? 0) - queued }),
        ...(annotations['cancelled'] === true && { cancelled: true }),
      },
      annotations['kind'] === 'sequence' ? 'a workflow has answered' : 'a function has ended',
    );
  };
}
