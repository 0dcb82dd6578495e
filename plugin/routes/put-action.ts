import { ApiError, inOtherCollection, malformed, tooLarge } from '@dataflower/common/http';
import type { Caller } from '../auth/identity.js';
import type { LimitSettings } from '../settings.js';
import { type Attachment, ConflictError, type EntityStore } from '../stores/entity-store.js';
import { checkWorkflowAnnotations } from '../workflows/annotations.js';
import type { WorkflowCompiler } from '../workflows/workflow-compiler.js';
import { codeBytesOf, LargeCode } from '../entities/action/code.js';
import {
  type ActionDocument,
  type ActionLimits,
  CODE_ATTACHMENT,
  INLINE_CODE_BYTES,
  type Exec,
  isAction,
  isBlackbox,
  isSequence,
} from '../entities/action/document.js';
import { readExec } from '../entities/action/exec.js';
import { checkImageAllowed } from '../entities/action/image-name.js';
import { defaultLimits, readLimits } from '../entities/limits.js';
import { overlayParameters, type Parameter, readParameters, sizeOf } from '../entities/parameters.js';
import { checkSequence } from '../entities/action/sequence.js';
import { shortJson } from '../http/json.js';
import { nextVersion, readVersion } from '../entities/version.js';

/** The parsed body of a PUT; undefined members are not changed. */
interface Change {
  readonly exec: Exec | undefined;
  /** UTF-8. */
  readonly code: Buffer | undefined;
  readonly parameters: Parameter[] | undefined;
  readonly annotations: Parameter[];
  readonly delAnnotations: readonly string[];
  readonly limits: Partial<ActionLimits>;
  readonly publish: boolean | undefined;
  readonly version: string | undefined;
}

export interface PutContext {
  readonly store: EntityStore;
  readonly limits: LimitSettings;
  /** Images that actions may name (`containers.images.allowed`). */
  readonly allowedImages: readonly string[];
  readonly compiler: WorkflowCompiler;
  readonly now: () => number;
}

/** Creates or updates an action (OW-17, OW-21, OW-24 to OW-26). Returns the stored document and its code in UTF-8. */
export async function putAction(
  caller: Caller,
  name: string,
  body: Readonly<Record<string, unknown>>,
  overwrite: boolean,
  context: PutContext,
): Promise<{ document: ActionDocument; code: Buffer | undefined }> {
  const change = readChange(body, caller.namespace, context.limits);
  const id = `${caller.namespace}/${name}`;
  const stored = await context.store.get(id);
  if (stored !== undefined && !isAction(stored)) throw inOtherCollection();
  if (stored !== undefined && !overwrite) throw new ApiError(409, 'resource already exists');
  const exec = change.exec ?? stored?.exec;
  if (exec === undefined) throw new ApiError(400, 'exec undefined');
  if (isBlackbox(exec)) checkImageAllowed(exec.image, context.allowedImages);
  if (change.exec !== undefined && isSequence(exec))
    await checkSequence(caller, id, exec.components, context.store, context.limits.sequenceLength);
  const annotations = mergeAnnotations(change, stored, exec);
  await checkWorkflowAnnotations(annotations, context.compiler);
  const { inline, attachment } = placeCode(change);
  // Read before the write: after it, another request may have replaced the code.
  const code = change.exec === undefined ? await codeBytesOf(stored!, context.store) : change.code;
  const document: ActionDocument = {
    _id: id,
    ...(stored?._rev === undefined ? {} : { _rev: stored._rev }),
    entityType: 'action',
    namespace: caller.namespace,
    name,
    exec: inline === undefined ? exec : { ...exec, code: inline },
    parameters: mergeParameters(change, stored, exec),
    limits: { ...(stored?.limits ?? defaultLimits(context.limits)), ...change.limits },
    version: change.version ?? (stored === undefined ? '0.0.1' : nextVersion(stored.version)),
    publish: change.publish ?? stored?.publish ?? false,
    annotations,
    updated: context.now(),
  };
  try {
    const rev = await context.store.put(document, attachment);
    return { document: { ...document, _rev: rev }, code };
  } catch (cause) {
    if (cause instanceof ConflictError)
      throw new ApiError(409, 'Concurrent modification to resource detected.', { cause });
    throw cause;
  }
}

function readChange(body: Readonly<Record<string, unknown>>, namespace: string, limits: LimitSettings): Change {
  const given = isGiven(body.exec) ? readExec(body.exec, namespace) : undefined;
  const parameters = readParameters(body.parameters);
  const annotations = readParameters(body.annotations) ?? [];
  const code = given?.code === undefined ? undefined : bytesOf(given.code);
  if (code !== undefined && code.length > limits.codeBytes) throw tooLarge('exec', code.length, limits.codeBytes);
  for (const [field, list] of [
    ['parameters', parameters ?? []],
    ['annotations', annotations],
  ] as const) {
    const bytes = sizeOf(list);
    if (bytes > limits.parametersBytes) throw tooLarge(field, bytes, limits.parametersBytes);
  }
  return {
    exec: given?.exec,
    code,
    parameters,
    annotations,
    delAnnotations: readKeys(body.delAnnotations),
    limits: readLimits(body.limits, limits),
    publish: readPublish(body.publish),
    version: isGiven(body.version) ? readVersion(body.version) : undefined,
  };
}

function bytesOf(code: string | LargeCode): Buffer {
  return code instanceof LargeCode ? code.bytes : Buffer.from(code);
}

/** A member that is `null` counts as missing. */
function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function readPublish(value: unknown): boolean | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value !== 'boolean') throw malformed(`Expected JsBoolean, but got ${shortJson(value)}`);
  return value;
}

function readKeys(value: unknown): string[] {
  if (!isGiven(value)) return [];
  if (!Array.isArray(value) || !value.every((key) => typeof key === 'string'))
    throw malformed('delAnnotations malformed!');
  return value;
}

function mergeAnnotations(change: Change, stored: ActionDocument | undefined, exec: Exec): Parameter[] {
  const base = stored?.annotations ?? [{ key: 'provide-api-key', value: false }];
  const deleted = change.exec !== undefined && isSequence(change.exec) ? [] : change.delAnnotations;
  return overlayParameters(overlayParameters(base, change.annotations, deleted), [{ key: 'exec', value: exec.kind }]);
}

/** OW-32: the parameters of a sequence are its components; they are dropped when it becomes another kind. */
function mergeParameters(change: Change, stored: ActionDocument | undefined, exec: Exec): readonly Parameter[] {
  if (isSequence(exec)) return [{ key: '_actions', value: exec.components }];
  if (change.parameters !== undefined) return change.parameters;
  return stored === undefined || isSequence(stored.exec) ? [] : stored.parameters;
}

/** Small code goes into the document, large code into an attachment. Without new code the attachment is kept. */
function placeCode(change: Change): { inline?: string; attachment?: Attachment | 'keep' } {
  if (change.exec === undefined) return { attachment: 'keep' };
  if (change.code === undefined) return {};
  const data = change.code;
  if (data.length <= INLINE_CODE_BYTES) return { inline: data.toString() };
  return { attachment: { name: CODE_ATTACHMENT, contentType: 'text/plain', data } };
}
