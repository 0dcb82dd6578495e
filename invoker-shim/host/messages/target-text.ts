import { type CodeSource, type ContainerSource, loadSource } from '@dataflower/common/code';
import type { Graph } from '@dataflower/composer/graph';
import type { ContainerSpec } from '../../containers/executor.js';
import type { ActionDescription, FunctionTarget, MissingTarget, Target, WorkflowTarget } from '../host.js';
import { HostLinkError } from '../wire/errors.js';

/** A container's spec as data: everything but `load`, which the receiver adds. */
type SpecJson = Omit<ContainerSpec, 'load' | 'source'> & { readonly source: ContainerSource };

/** Targets name each other by their index in a list, since a workflow may be a part of itself. */
type TargetJson =
  | { readonly type: 'function'; readonly action: ActionDescription; readonly spec: SpecJson }
  | (Omit<WorkflowTarget, 'actions' | 'steps'> & {
      readonly actions: readonly (readonly [name: string, place: number])[];
      readonly steps?: SpecJson;
    })
  | MissingTarget;

/**
 * A target with everything that it names, as JSON; the first of the list is the target itself. The text has keys and
 * parameters of the user: it must not be logged.
 */
export function targetText(target: Target): string {
  const places = new Map<Target, number>([[target, 0]]);
  const found = [target];
  const place = (part: Target): number => {
    let at = places.get(part);
    if (at === undefined) {
      at = found.push(part) - 1;
      places.set(part, at);
    }
    return at;
  };
  const list: TargetJson[] = [];
  for (let at = 0; at < found.length; at++) list.push(toJson(found[at]!, place));
  return JSON.stringify(list);
}

function toJson(target: Target, place: (part: Target) => number): TargetJson {
  if (target.type === 'missing') return target;
  if (target.type === 'function') return { ...target, spec: specJson(target.spec) };
  const { steps, actions, ...rest } = target;
  return {
    ...rest,
    actions: [...actions].map(([name, part]) => [name, place(part)] as const),
    ...(steps === undefined ? {} : { steps: specJson(steps) }),
  };
}

function specJson(spec: ContainerSpec): SpecJson {
  const { source, ...data } = spec;
  if (source === undefined) throw new Error(`The container ${spec.key} can be started by this process alone.`);
  // JSON leaves `load` out, being a function.
  return { ...data, source };
}

export interface TargetReading {
  /** Where the code of the functions is loaded from. */
  readonly codes: CodeSource;
  /** Gives the same object for the same digest. */
  readonly internGraph: (digest: string, graph: Graph) => Graph;
}

/** The reverse of `targetText`. Throws `HostLinkError` PROTOCOL for what cannot be started. */
export function readTarget(text: string, { codes, internGraph }: TargetReading): FunctionTarget | WorkflowTarget {
  const list = JSON.parse(text) as readonly TargetJson[];
  const spec = (json: SpecJson): ContainerSpec => ({ ...json, load: () => loadSource(json.source, codes) });
  const parts = new Map<WorkflowTarget, readonly (readonly [string, number])[]>();
  const targets = list.map((json): Target => {
    if (json.type === 'missing') return json;
    if (json.type === 'function') return { ...json, spec: spec(json.spec) };
    const { steps, actions, ...rest } = json;
    const target: WorkflowTarget = {
      ...rest,
      graph: internGraph(json.digest, json.graph),
      actions: new Map(),
      ...(steps === undefined ? {} : { steps: spec(steps) }),
    };
    parts.set(target, actions);
    return target;
  });
  for (const [target, actions] of parts) {
    const named = target.actions as Map<string, Target>;
    for (const [name, place] of actions) {
      const part = targets[place];
      if (part === undefined) throw new HostLinkError('PROTOCOL', `a target without its part ${name}`);
      named.set(name, part);
    }
  }
  const [target] = targets;
  if (target === undefined || target.type === 'missing') throw new HostLinkError('PROTOCOL', 'a target that is none');
  return target;
}
