import type { ActionNode, FunctionNode } from '@dataflower/composer/graph';
import type { Target } from '../host/host.js';
import type { DataSink, Value } from '../sink/value.js';
import type { Firing } from './activation/firing.js';
import { fireOperator } from './operators/fire-operator.js';
import type { FunctionRuns } from './runs/function-runs.js';
import { componentsAfter } from './runs/node-run.js';
import type { TokenFlow } from './tokens/token-flow.js';
import { errorValue } from './values/json-value.js';
import { type WorkflowParts, canNest } from './workflows/workflow-parts.js';

/** Errors with OpenWhisk's texts. */
const TOO_MANY_ACTIONS = 'Too many actions in the composition.';
const TOO_MANY_IN_SEQUENCE = 'Too many actions in the sequence.';

export interface DispatchOptions {
  readonly sink: DataSink;
  readonly flow: TokenFlow;
  readonly componentLimit: number;
  readonly instanceLimit: number;
}

/** Gives each firing to what executes it: the end of the activation, an operator, a function, a workflow inside. */
export class Dispatch {
  readonly #options: DispatchOptions;
  readonly #functions: FunctionRuns;
  readonly #parts: WorkflowParts;

  constructor(options: DispatchOptions, functions: FunctionRuns, parts: WorkflowParts) {
    this.#options = options;
    this.#functions = functions;
    this.#parts = parts;
  }

  /** Takes the firing over. */
  fire(firing: Firing): void {
    const { activation, inputs } = firing;
    if (activation.dropping || !fits(firing)) {
      for (const input of inputs) input.release();
      return;
    }
    const { node } = firing.node;
    if (node.kind === 'user') activation.home.result(inputs, firing.context);
    else if (node.kind === 'action' || node.kind === 'function') this.#fireAction(firing, node);
    else fireOperator(this.#options.flow, firing, this.#options.instanceLimit);
  }

  #fireAction(firing: Firing, node: ActionNode | FunctionNode): void {
    const { componentLimit } = this.#options;
    const { activation, inputs } = firing;
    const target = node.kind === 'action' ? activation.target.actions.get(node.action) : activation.stepsTarget;
    const isWithin = componentsAfter(firing) <= componentLimit;
    const input =
      inputs.length === 1
        ? inputs[0]!
        : activation.sink.record(firing.node.inputs.map(({ name }, slot) => [name, inputs[slot]!]));
    if (isWithin && target?.type === 'function') this.#functions.start(firing, target, input);
    else if (isWithin && target?.type === 'workflow' && canNest(activation, componentLimit))
      this.#parts.start(firing, target, input);
    else this.#refuse(firing, input, target);
  }

  /** The firing fails before it is executed. E6 holds for it too: its FOREACH ports send their counts. */
  #refuse(firing: Firing, input: Value, target: Target | undefined): void {
    const { sink, flow, componentLimit } = this.#options;
    const { activation, node, context } = firing;
    input.release();
    let text = activation.target.workflow === 'sequence' ? TOO_MANY_IN_SEQUENCE : TOO_MANY_ACTIONS;
    if (context.components < componentLimit) {
      if (target === undefined) text = `The node "${node.id}" has no action.`;
      else if (target.type === 'missing') text = target.error;
    }
    flow.fail(firing, 1, errorValue(sink, text), context);
    flow.sendCounts(firing, undefined, context);
  }
}

/** Checks the budget for several inputs, which become one value sooner or later. */
function fits({ activation, inputs }: Firing): boolean {
  if (inputs.length === 1) return true;
  let bytes = 0;
  let parts = 0;
  let depth = 0;
  for (const input of inputs) {
    bytes += input.size;
    parts += input.parts;
    if (input.depth > depth) depth = input.depth;
  }
  return activation.whole.budget.value(bytes, parts, depth + 1);
}
