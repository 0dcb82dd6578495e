import { malformed } from '@dataflower/common/http';

/** One runtime of the manifest. */
export interface RuntimeKind {
  readonly kind: string;
  readonly family: string;
  readonly image: string;
  readonly default: boolean;
}

/** The kind of a workflow's inline functions. */
export const DEFAULT_NODE_KIND = 'nodejs:20';

/** All runtimes of this version. */
export const RUNTIMES: readonly RuntimeKind[] = [
  { kind: DEFAULT_NODE_KIND, family: 'nodejs', image: 'dataflower/action-nodejs:20', default: true },
];

const SEQUENCE = 'sequence';
const BLACKBOX = 'blackbox';

/** OW-27: trims, lower-cases and resolves `family:default`. Throws `ApiError` 400 for an unknown kind. */
export function resolveKind(text: string): string {
  const kind = text.trim().toLowerCase();
  if (kind === SEQUENCE || kind === BLACKBOX) return kind;
  const runtime = RUNTIMES.find(
    (candidate) => candidate.kind === kind || (candidate.default && kind === `${candidate.family}:default`),
  );
  if (runtime !== undefined) return runtime.kind;
  const valid = [...RUNTIMES.map((candidate) => candidate.kind), SEQUENCE, BLACKBOX]
    .map((name) => `'${name}'`)
    .join(', ');
  throw malformed(`The specified runtime '${kind}' is not supported by this platform. Valid values are: ${valid}.`);
}

/** The runtimes manifest of `GET /`. */
export function runtimesJson(): Record<string, object[]> {
  const families: Record<string, object[]> = {};
  for (const { kind, family, image, default: fallback } of RUNTIMES) {
    (families[family] ??= []).push({
      kind,
      image,
      default: fallback,
      deprecated: false,
      attached: true,
      requireMain: false,
    });
  }
  return families;
}
