import { type CodeReference, type CodeSource, type ContainerSource, loadSource } from '@dataflower/common/code';
import type { ActionDescription, ContainerSpec, FunctionTarget } from '@dataflower/invoker-shim';
import { type ActionDocument, type CodeExec, NO_CODE, isBlackbox, isSequence } from '../entities/action/document.js';
import { checkImageAllowed } from '../entities/action/image-name.js';
import { DEFAULT_NODE_KIND } from '../entities/action/kinds.js';
import { isTruthy, type Parameter, valueOf } from '../entities/parameters.js';
import { authorizationOf, type Caller } from '../auth/identity.js';
import type { EntityStore } from '../stores/entity-store.js';

const MIB = 1024 * 1024;

/** Dependencies of the building of targets. */
export interface TargetContext {
  readonly store: EntityStore;
  /** Source of the code for containers of this process. */
  readonly codes: CodeSource;
  /** Address of the API with scheme, for the environment of actions. */
  readonly apiHost: () => string;
  /** Images that actions may name (`containers.images.allowed`). */
  readonly allowedImages: readonly string[];
}

/** The target of a function for this caller. Throws `ApiError` for an image that is not allowed. */
export function functionTarget(caller: Caller, document: ActionDocument, context: TargetContext): FunctionTarget {
  return { type: 'function', action: describe(document), spec: containerSpec(caller, document, context, 'code') };
}

/** The description of an action in records. */
export function describe(document: ActionDocument): ActionDescription {
  const { name, _id: path, version, exec, limits } = document;
  return { name, path, version, kind: exec.kind, limits };
}

/**
 * Containers are reused per invoking namespace, action and document revision. A version would not do: it starts again when
 * an action is deleted and made anew.
 */
export function containerSpec(
  caller: Caller,
  document: ActionDocument,
  context: TargetContext,
  kind: 'code' | 'steps',
): ContainerSpec {
  const { _id: id, _rev: rev, limits, exec } = document;
  if (isSequence(exec)) throw new Error(`The sequence ${id} has no container.`);
  // Inline functions of a composition are JavaScript for this platform's own image.
  const image = isBlackbox(exec) && kind === 'code' ? exec.image : undefined;
  if (image !== undefined) checkImageAllowed(image, context.allowedImages);
  const logLimitBytes = limits.logs * MIB;
  const source: ContainerSource = {
    init: {
      name: document.name,
      // An empty name counts as missing.
      main: exec.main || 'main',
      binary: kind === 'code' && exec.binary,
      kind,
      env: environment(caller, document, context.apiHost()),
      parameters: kind === 'code' ? runParameters(document.parameters) : {},
      logLimitBytes,
      memoryMiB: limits.memory,
    },
    ...(kind === 'code' ? { code: codeReference(document, exec) } : {}),
  };
  return {
    namespace: caller.namespace,
    key: `${caller.namespace}/${id}@${rev!}${kind === 'steps' ? '/steps' : ''}`,
    kind: kind === 'steps' && isBlackbox(exec) ? DEFAULT_NODE_KIND : exec.kind,
    ...(image === undefined ? {} : { image, bringsCode: exec.code !== NO_CODE }),
    ...(providesKey(document) ? { apiHost: context.apiHost() } : {}),
    memoryMiB: limits.memory,
    timeoutMs: limits.timeout,
    logLimitBytes,
    source,
    load: () => loadSource(source, context.codes),
  };
}

function codeReference({ _id, _rev }: ActionDocument, { code, binary }: CodeExec): CodeReference {
  return code === undefined ? { documentId: _id, revision: _rev!, binary } : { code, binary };
}

/** The default parameters of a run: all but those for the environment. */
export function runParameters(parameters: readonly Parameter[]): Record<string, unknown> {
  return Object.fromEntries(
    parameters.filter((parameter) => parameter.init !== true).map(({ key, value }) => [key, value]),
  );
}

/** Whether the action gets the API key of its caller. */
function providesKey({ annotations }: ActionDocument): boolean {
  const wanted = valueOf(annotations, 'provide-api-key');
  return wanted === undefined || isTruthy(wanted);
}

/** OW-72, and the parameters marked `init`: texts unchanged, other values as JSON. */
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
