import type { ContainerSpec, Executor } from '../../containers/executor.js';
import type { FunctionTarget, Target } from '../../host/host.js';
import type { Activation } from '../activation/activation.js';
import type { PlanNode } from '../plan/plan.js';
import { instancesOf, isLikely, longest } from '../plan/successors.js';

/** While an instance runs, or waits for its own container, starts the containers of the nodes that are likely to run next. */
export function warmSuccessors(executor: Executor, activation: Activation, node: PlanNode, spec: ContainerSpec): void {
  const { lookedAhead, warmed } = activation;
  // Once for all instances of a node.
  if (lookedAhead[node.index] === 1 || activation.discarding) return;
  lookedAhead[node.index] = 1;
  // The run asks for its own container: a hint for it is not needed any more.
  warmed.get(spec)?.();
  warmed.set(spec, undefined);
  for (const { node: next, ways } of node.successors()) {
    const wanted = specOf(activation, next);
    if (wanted === undefined || warmed.has(wanted) || !isLikely(ways)) continue;
    const behind = [spec];
    for (const between of longest(ways)) {
      const before = specOf(activation, between);
      if (before !== undefined) behind.push(before);
    }
    warmed.set(wanted, executor.warm(wanted, behind, instancesOf(ways)));
  }
}

/** The container of a function or an action node, when the node has one. */
function specOf(activation: Activation, { node }: PlanNode): ContainerSpec | undefined {
  let target: Target | FunctionTarget | undefined;
  if (node.kind === 'function') target = activation.stepsTarget;
  else if (node.kind === 'action') target = activation.target.actions.get(node.action);
  return target?.type === 'function' ? target.spec : undefined;
}
