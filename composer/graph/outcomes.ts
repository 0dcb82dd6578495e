import type { GraphNode } from './types.js';

/**
 * How an output port relates to the other ports of its node in one run:
 * - `always`: may get a value whatever the others get (an emit, a branch of a fork);
 * - `choice`: only one of these gets a value (the branches of a switch);
 * - `returned`: the end of a run that succeeds; `error`: the end of one that fails;
 * - `returnedChoice`: both a branch and the end of a run;
 * - `success`: several that get a value each, none with `error` (a scatter).
 */
export type Role = 'always' | 'choice' | 'returned' | 'error' | 'returnedChoice' | 'success';

/** The role of an output port; no node stands for the caller. */
export function roleOf(node: GraphNode | undefined, port: string): Role {
  switch (node?.kind) {
    case undefined:
    case 'fork':
      return 'always';
    case 'gate':
    case 'switch':
      return 'choice';
    case 'scatter':
      return port === 'error' ? 'error' : 'success';
    case 'action': {
      if (port === 'error') return 'error';
      const branch = node.outputs[port] === 'SWITCH';
      if (port === 'out') return branch ? 'returnedChoice' : 'returned';
      return branch ? 'choice' : 'always';
    }
    default:
      return port === 'error' ? 'error' : 'returned';
  }
}

/** The largest number of values from one run, given the number from each port. */
export function most(roles: readonly Role[], sums: readonly number[]): number {
  let always = 0;
  let choice = 0;
  let returned = 0;
  let error = 0;
  let returnedChoice = 0;
  for (let i = 0; i < roles.length; i++) {
    const sum = sums[i]!;
    switch (roles[i]!) {
      case 'always':
        always += sum;
        break;
      case 'choice':
        if (sum > choice) choice = sum;
        break;
      case 'returned':
      case 'success':
        returned += sum;
        break;
      case 'returnedChoice':
        returnedChoice = sum;
        break;
      case 'error':
        error = sum;
        break;
    }
  }
  const ended = (returned > error ? returned : error) + choice;
  return always + (ended > returnedChoice ? ended : returnedChoice);
}
