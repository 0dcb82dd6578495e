import type { ActionNode, Edge, Graph, GraphNode } from '@dataflower/composer/graph';
import { compileSequence, graphDigest, validateGraph } from '@dataflower/composer/graph';
import type { ContainerSpec } from '../../containers/executor.js';
import type { ActionDescription, FunctionTarget, Target, WorkflowTarget } from '../../host/host.js';

export const LIMITS = { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 };

function description(name: string, kind: string): ActionDescription {
  return { name, path: `guest/${name}`, version: '0.0.1', kind, limits: LIMITS };
}

export function specOf(name: string): ContainerSpec {
  return {
    key: name,
    namespace: 'guest',
    kind: 'nodejs:20',
    memoryMiB: 256,
    timeoutMs: 60_000,
    logLimitBytes: 1024,
    load: () => Promise.reject(new Error('there are no containers here')),
  };
}

export function functionTarget(name: string): FunctionTarget {
  return { type: 'function', action: description(name, 'nodejs:20'), spec: specOf(name) };
}

/** An action node; `ports`: its inputs, and outputs beside `out`. */
export function action(
  id: string,
  ports: Partial<Pick<ActionNode, 'inputs' | 'outputs' | 'normalize'>> = {},
  name = id,
): ActionNode {
  return { id, kind: 'action', action: `/_/${name}`, inputs: { in: 'NORMAL' }, outputs: {}, ...ports };
}

/** Edges from text, one `from -> to` each; a chain `a.out -> b.in` may be given as in `edges('$USER.params -> a.in')`. */
export function edges(...lines: string[]): Edge[] {
  return lines.map((line) => {
    const [from, to] = line.split(' -> ') as [string, string];
    return { from, to };
  });
}

export function graph(nodes: readonly GraphNode[], wires: readonly Edge[]): Graph {
  return validateGraph({ version: 1, nodes, edges: wires });
}

/** A workflow around a graph; each action that is not given is a function with the action's simple name. */
export function workflow(
  of: Graph,
  kind: WorkflowTarget['workflow'] = 'graph',
  given: Record<string, Target> = {},
  name = 'flow',
): WorkflowTarget {
  const actions = new Map<string, Target>();
  for (const node of of.nodes) {
    if (node.kind !== 'action') continue;
    const simple = node.action.slice(node.action.lastIndexOf('/') + 1);
    actions.set(node.action, given[simple] ?? functionTarget(simple));
  }
  return {
    type: 'workflow',
    workflow: kind,
    action: description(name, 'sequence'),
    graph: of,
    digest: graphDigest(of),
    actions,
    steps: specOf('steps'),
  };
}

export function sequence(names: readonly string[], given: Record<string, Target> = {}, name = 'flow'): WorkflowTarget {
  return workflow(compileSequence(names.map((simple) => `/_/${simple}`)), 'sequence', given, name);
}
