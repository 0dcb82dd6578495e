import { malformed } from './api-error.js';
import { type BlackboxExec, type Exec, NO_CODE } from './action-document.js';
import { readImageName } from './image-name.js';
import { checkEntityName, checkNamespaceName } from './names.js';
import { resolveKind } from './kinds.js';

/** What a PUT says of the code: OpenWhisk's rules of `exec` (OW-27 to OW-29), its texts kept. */
export function readExec(value: unknown, callerNamespace: string): { exec: Exec; code: string | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed("'kind' must be a string defined in 'exec'");
  const { kind: kindText, code, image, main, components } = value as Record<string, unknown>;
  if (typeof kindText !== 'string') throw malformed("'kind' must be a string defined in 'exec'");
  const kind = resolveKind(kindText);
  if (kind === 'sequence')
    return { exec: { kind, components: readComponents(components, callerNamespace) }, code: undefined };
  if (kind === 'blackbox') return readBlackbox(image, code, entryOf(kind, main));
  if (typeof code !== 'string')
    throw malformed(`'code' must be a string or attachment object defined in 'exec' for '${kind}' actions`);
  return { exec: { kind, binary: isBinaryCode(code), ...entryOf(kind, main) }, code };
}

function entryOf(kind: string, main: unknown): { readonly main?: string } {
  if (main !== undefined && main !== null && typeof main !== 'string')
    throw malformed(`if defined, 'main' must be a string in 'exec' for '${kind}' actions`);
  return typeof main === 'string' && main !== '' ? { main } : {};
}

/** OW-77: the image has to be named, code may be there or not. */
function readBlackbox(
  image: unknown,
  code: unknown,
  entry: { readonly main?: string },
): { exec: BlackboxExec; code: string } {
  if (typeof image !== 'string' || image.trim() === '')
    throw malformed("'image' must be a string defined in 'exec' for 'blackbox' actions");
  if (code !== undefined && code !== null && typeof code !== 'string')
    throw malformed("'code' must be a string or attachment object defined in 'exec' for 'blackbox' actions");
  const { reference } = readImageName(image);
  const text = (code ?? '').trim() === '' ? NO_CODE : code!;
  return { exec: { kind: 'blackbox', image: reference, binary: isBinaryCode(text), ...entry }, code: text };
}

const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** OW-28: the trimmed text is base64 by its alphabet and length. */
export function isBinaryCode(code: string): boolean {
  const trimmed = code.trim();
  return trimmed !== '' && trimmed.length % 4 === 0 && BASE64.test(trimmed);
}

function readComponents(value: unknown, callerNamespace: string): string[] {
  if (value === undefined || value === null) throw malformed("'components' must be defined for sequence kind");
  if (!Array.isArray(value)) throw malformed("'components' must be an array");
  return (value as unknown[]).map((component) => {
    if (typeof component !== 'string') throw malformed("'components' must be an array of strings");
    return resolveComponent(component, callerNamespace);
  });
}

/** `/ns/name` or `ns/name`, with a package or not; `_` is the caller's namespace (OW-32). */
function resolveComponent(text: string, callerNamespace: string): string {
  const parts = text.trim().replace(/^\//, '').split('/');
  const qualified = text.trim().startsWith('/') ? parts.length >= 2 : parts.length >= 3;
  if (!qualified || parts.length > 3) {
    throw malformed(
      'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.',
    );
  }
  const [namespace, ...names] = parts as [string, ...string[]];
  checkNamespaceName(namespace);
  for (const name of names) checkEntityName(name);
  return `/${[namespace === '_' ? callerNamespace : namespace, ...names].join('/')}`;
}
