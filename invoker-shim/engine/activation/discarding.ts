import type { Executor } from '../../containers/executor.js';
import type { Work } from '../turns/turns.js';
import type { Activation } from './activation.js';

/** Cost of taking a run back, and of answering for a workflow with its record, in units of `Turns`. */
const WITHDRAW_UNITS = 2;
const ANSWER_UNITS = 40;

/**
 * E8: takes back the work of an activation on this host that has not started, and releases the values that wait. The
 * queues are empty, and the tables refuse values, before the first step: a run that is taken back makes room for what is
 * queued.
 */
export function dropping(activation: Activation, executor: Executor): Work {
  for (const table of activation.tables) table?.refuse();
  const queued: Work[] = [];
  let count = 0;
  for (const queue of activation.queues) {
    if (queue === undefined || queue.length === 0) continue;
    count += queue.length;
    queued.push(queue.letGo());
  }
  activation.forgo(count);
  return dropAll(activation, executor, queued);
}

function* dropAll(activation: Activation, executor: Executor, queued: readonly Work[]): Work {
  for (const run of activation.runs.all()) {
    if (run.startedAt === 0) executor.withdraw(run);
    yield WITHDRAW_UNITS;
  }
  for (const work of queued) yield* work;
  yield* emptying(activation);
  // Those of an activation that is stopping are stopped in a moment, with their own reason.
  if (activation.state === 'STOPPING') return;
  for (const inside of activation.inside) {
    inside.giveUp();
    yield ANSWER_UNITS;
  }
}

/** Releases the values that wait in the tables; from then on nothing waits there. */
export function* emptying(activation: Activation): Work {
  for (const table of activation.tables) {
    if (table === undefined) continue;
    table.refuse();
    yield* table.letGo();
  }
}

/** Stops the runs of an activation on this host, and the workflows inside it. */
export function* stopping(activation: Activation, executor: Executor, reason: string): Work {
  for (const run of activation.runs.all()) {
    executor.cancel(run, reason);
    yield WITHDRAW_UNITS;
  }
  for (const inside of activation.inside) {
    inside.stop(reason);
    yield ANSWER_UNITS;
  }
}
