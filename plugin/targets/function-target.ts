import type { ActionDescription, ContainerSpec, FunctionTarget } from '@dataflower/invoker-shim';
import { CodeGoneError, codeOf } from '../api/action-code.js';
import { type ActionDocument, type CodeExec, isSequence } from '../api/action-document.js';
import { isTruthy, type Parameter, valueOf } from '../api/parameters.js';
import { authorizationOf, type Caller } from '../auth/identity.js';
import type { EntityStore } from '../stores/entity-store.js';

const MIB = 1024 * 1024;

/** What targets are made with. */
export interface TargetContext {
  readonly store: EntityStore;
  /** Address of the API with scheme, for the actions. */
  readonly apiHost: () => string;
}

/** An action document as a function to run for this caller. */
export function functionTarget(caller: Caller, document: ActionDocument, context: TargetContext): FunctionTarget {
  return { type: 'function', action: describe(document), spec: containerSpec(caller, document, context, 'code') };
}

/** What records say of an action. */
export function describe(document: ActionDocument): ActionDescription {
  const { name, _id: path, version, exec, limits } = document;
  return { name, path, version, kind: exec.kind, limits };
}

/**
 * Containers are kept per invoking namespace, action and document revision: versions start again when an action is
 * deleted and made anew, revisions do not.
 */
export function containerSpec(
  caller: Caller,
  document: ActionDocument,
  context: TargetContext,
  kind: 'code' | 'steps',
): ContainerSpec {
  const { _id: id, _rev: rev, limits, exec } = document;
  if (isSequence(exec)) throw new Error(`The sequence ${id} has no container.`);
  const logLimitBytes = limits.logs * MIB;
  return {
    key: `${caller.namespace}/${id}@${rev!}${kind === 'steps' ? '/steps' : ''}`,
    kind: exec.kind,
    ...(providesKey(document) ? { apiHost: context.apiHost() } : {}),
    memoryMiB: limits.memory,
    timeoutMs: limits.timeout,
    logLimitBytes,
    load: async () => ({
      init: {
        name: document.name,
        main: exec.main ?? 'main',
        binary: kind === 'code' && exec.binary,
        kind,
        env: environment(caller, document, context.apiHost()),
        parameters: kind === 'code' ? runParameters(document.parameters) : {},
        logLimitBytes,
        memoryMiB: limits.memory,
      },
      code: kind === 'code' ? await codeBytes(document, exec, context.store) : Buffer.alloc(0),
    }),
  };
}

/** Parameters that a run gets below its payload; the others are for the environment. */
export function runParameters(parameters: readonly Parameter[]): Record<string, unknown> {
  return Object.fromEntries(
    parameters.filter((parameter) => parameter.init !== true).map(({ key, value }) => [key, value]),
  );
}

/** An action that is given a key may call the API. */
function providesKey({ annotations }: ActionDocument): boolean {
  const wanted = valueOf(annotations, 'provide-api-key');
  return wanted === undefined || isTruthy(wanted);
}

/** OW-72, and the parameters marked `init`: texts as they are, other values as JSON. */
function environment(caller: Caller, document: ActionDocument, apiHost: string): Record<string, string> {
  const env: Record<string, string> = {
    __OW_API_HOST: apiHost,
    __OW_NAMESPACE: caller.namespace,
    __OW_ACTION_NAME: `/${document._id}`,
    __OW_ACTION_VERSION: document.version,
  };
  if (providesKey(document)) env.__OW_API_KEY = authorizationOf(caller);
  for (const { key, value, init } of document.parameters) {
    if (init === true) env[key] = typeof value === 'string' ? value : JSON.stringify(value);
  }
  return env;
}

async function codeBytes(document: ActionDocument, exec: CodeExec, store: EntityStore): Promise<Buffer> {
  let code: string;
  try {
    code = (await codeOf(document, store)) ?? '';
  } catch (cause) {
    if (!(cause instanceof CodeGoneError)) throw cause;
    throw new Error('Action could not be found or may have been deleted.', { cause });
  }
  return exec.binary ? Buffer.from(code.trim(), 'base64') : Buffer.from(code);
}
