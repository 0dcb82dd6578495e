import { ApiError, malformed } from '@dataflower/common/http';
import { isRuntimeImage } from '@dataflower/invoker-shim';

/** Longest name of an image, in characters. */
const MAX_CHARS = 1024;
/** Docker's limit of a repository name, in characters. */
const MAX_REPOSITORY_CHARS = 255;

const HOST = /^(?:[a-z\d]+(?:[.-][a-z\d]+)*|\[[\da-f:]+\])(?::\d{1,5})?$/i;
const COMPONENT = /^[a-z\d]+(?:(?:\.|_{1,2}|-+)[a-z\d]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[a-z\d]+(?:[+._-][a-z\d]+)*:[\da-f]{32,128}$/i;

/** `[registry[:port]/][prefix/]name[:tag][@digest]`, by Docker's grammar, parsed. */
export interface ImageName {
  /** The registry is part of it. */
  readonly repository: string;
  /** The whole name as it was given, trimmed. */
  readonly reference: string;
}

/** Parses the name of an image (OW-77). Throws `ApiError` 400. */
export function readImageName(text: string): ImageName {
  const reference = text.trim();
  const refused = malformed('could not parse image name');
  if (reference.length > MAX_CHARS) throw refused;
  const [tagged, digest, ...more] = reference.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) throw refused;
  const lastSlash = tagged!.lastIndexOf('/');
  const colon = tagged!.indexOf(':', lastSlash + 1);
  const repository = colon === -1 ? tagged! : tagged!.slice(0, colon);
  if (colon !== -1 && !TAG.test(tagged!.slice(colon + 1))) throw refused;
  const components = repository.split('/');
  if (components.length > 1 && isHost(components[0]!)) components.shift();
  if (repository.length > MAX_REPOSITORY_CHARS || !components.every((component) => COMPONENT.test(component)))
    throw refused;
  return { repository, reference };
}

/** The first part is a registry when no repository can have this name. */
function isHost(first: string): boolean {
  return (/[.:]/.test(first) || first === 'localhost') && HOST.test(first);
}

/** Throws `ApiError` 403 for an image that `containers.images.allowed` does not list. */
export function checkImageAllowed(reference: string, allowed: readonly string[]): void {
  if (allowed.length === 0 || isRuntimeImage(reference)) return;
  const { repository } = readImageName(reference);
  for (const entry of allowed)
    if (entry.endsWith('/') ? repository.startsWith(entry) : entry === repository || entry === reference) return;
  throw new ApiError(
    403,
    `The image '${reference}' is not among those that this platform runs: its operator can add it to containers.images.allowed.`,
  );
}
