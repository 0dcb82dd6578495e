import { BUDGET_LIMITS } from '@dataflower/invoker-shim/defaults';
import { whole } from './keys.js';

const MAX_BYTES = 2 ** 40;
const MAX_MS = 2_147_483_647;
const MAX_COUNT = 1e12;

/** Bounds of one activation of a workflow, the workflows inside it included. */
export const workflowKeys = {
  workflowTimeoutMs: whole(86_400_000, 100, MAX_MS, {
    about:
      'Time that a sequence, a composition or a graph may take as a whole, in milliseconds. OpenWhisk has none of its own: fifty actions of five minutes each take four hours.',
    whenToChange:
      'A workflow fails with "exceeded its time limit": raise it. Forgotten workflows hold containers for hours: lower it.',
  }),
  workflowInstances: whole(BUDGET_LIMITS.instances, 1, MAX_COUNT, {
    about:
      'Items of `map`, runs of functions and workflows inside that one activation of a workflow may start, those of workflows inside it included.',
    whenToChange:
      'A workflow fails with "starts more than … instances": raise it, when it is meant to. One user takes the server for minutes: lower it.',
  }),
  workflowTokens: whole(BUDGET_LIMITS.tokens, 1, MAX_COUNT, {
    about: 'Values and counts that may go from node to node in one activation of a workflow.',
    whenToChange:
      'A workflow fails with "makes more than … tokens": raise it, when it is meant to. One user takes the server for minutes: lower it.',
  }),
  workflowBytes: whole(BUDGET_LIMITS.bytes, 65_536, MAX_BYTES, {
    about:
      'Bytes that the engine itself may make for one activation of a workflow: variables of `let` that steps have changed, bound parameters laid under inputs, items of a `map` over JSON, constants, and 8 KiB for each workflow inside it. What functions put out does not count: `sink.limitBytes` bounds it.',
    whenToChange:
      'A workflow fails with "takes more than … bytes of the engine": raise it, when it is meant to. The server uses too much memory: lower it.',
  }),
  workflowValueBytes: whole(BUDGET_LIMITS.valueBytes, 65_536, MAX_BYTES, {
    about: 'Largest value that the engine puts together of others in a workflow (a list, a record), in bytes.',
    whenToChange:
      'A workflow fails with "puts together a value of … bytes": raise it, when the functions can take such a value.',
  }),
};
