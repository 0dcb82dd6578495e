import { type ApiError, malformed } from '@dataflower/common/http';
import { type BlackboxExec, type Exec, NO_CODE } from './document.js';
import { readImageName } from './image-name.js';
import { isBinaryCode, LargeCode } from './code.js';
import { checkEntityName, checkNamespaceName } from '../names.js';
import { resolveKind } from './kinds.js';
import { shortJson } from '../../http/json.js';

/** Reads `exec` of a PUT by OpenWhisk's rules and with its texts (OW-27 to OW-29). Throws `ApiError` 400. */
export function readExec(
  value: unknown,
  callerNamespace: string,
): { exec: Exec; code: string | LargeCode | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed('JSON object expected');
  const { kind: kindText, code, image, main, components } = value as Record<string, unknown>;
  if (typeof kindText !== 'string') throw malformed("'kind' must be a string defined in 'exec'");
  const kind = resolveKind(kindText);
  if (kind === 'sequence')
    return { exec: { kind, components: readComponents(components, callerNamespace) }, code: undefined };
  if (kind === 'blackbox') return readBlackbox(image, code, entryOf(kind, main));
  if (code === undefined)
    throw malformed(`'code' must be a string or attachment object defined in 'exec' for '${kind}' actions`);
  if (!isCode(code)) throw noCode(code);
  return { exec: { kind, binary: isBinary(code), ...entryOf(kind, main) }, code };
}

/** The text lacks a word in OpenWhisk too. */
function entryOf(kind: string, main: unknown): { readonly main?: string } {
  if (main === undefined) return {};
  if (typeof main !== 'string') throw malformed(`if defined, 'main' be a string in 'exec' for '${kind}' actions`);
  return { main };
}

function isCode(code: unknown): code is string | LargeCode {
  return typeof code === 'string' || code instanceof LargeCode;
}

function noCode(code: unknown): ApiError {
  return malformed(`Could not deserialize as attachment record: ${shortJson(code)}`);
}

/** OW-77: an image is required, code is optional. */
function readBlackbox(
  image: unknown,
  code: unknown,
  entry: { readonly main?: string },
): { exec: BlackboxExec; code: string | LargeCode } {
  if (typeof image !== 'string') throw malformed("'image' must be a string defined in 'exec' for 'blackbox' actions");
  const { reference } = readImageName(image);
  if (code !== undefined && !isCode(code)) throw noCode(code);
  const text = code === undefined || (typeof code === 'string' && code.trim() === '') ? NO_CODE : code;
  return { exec: { kind: 'blackbox', image: reference, binary: isBinary(text), ...entry }, code: text };
}

function isBinary(code: string | LargeCode): boolean {
  return code instanceof LargeCode ? code.binary : isBinaryCode(code);
}

function readComponents(value: unknown, callerNamespace: string): string[] {
  if (value === undefined) throw malformed("'components' must be defined for sequence kind");
  if (!Array.isArray(value)) throw malformed("'components' must be an array");
  return (value as unknown[]).map((component) => {
    if (typeof component !== 'string') throw malformed("'components' must be an array of strings");
    return resolveComponent(component, callerNamespace);
  });
}

/** `/ns/name` or `ns/name`, with a package or not; `_` is the caller's namespace (OW-32). */
function resolveComponent(text: string, callerNamespace: string): string {
  const parts = text.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw malformed('requirement failed: path undefined');
  if (parts.length < 2 || parts.length > 3) {
    throw malformed(
      'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.',
    );
  }
  const [namespace, ...names] = parts as [string, ...string[]];
  checkNamespaceName(namespace);
  for (const name of names) checkEntityName(name);
  return `/${[namespace === '_' ? callerNamespace : namespace, ...names].join('/')}`;
}
