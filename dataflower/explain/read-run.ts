import { type Run, type RunRecord, runOf } from './run.js';

export interface ReadOptions {
  /** Records read concurrently. Default: 16. */
  readonly atOnce?: number;
  /** Most parts read, including those of inner workflows. Default: 10,000. */
  readonly mostParts?: number;
  /** Called with the number of parts read so far. */
  readonly onProgress?: (read: number) => void;
}

export interface ReadRun {
  readonly run: Run;
  /** Parts without a record: they are still running, or retention has removed it. */
  readonly missing: number;
  /** Parts beyond `mostParts`. */
  readonly unread: number;
}

interface Node {
  readonly record: RunRecord;
  readonly parts: (Node | undefined)[];
}

/** Reads a run and its parts by `get`, which returns undefined for a missing record. Undefined when the run has no record. */
export async function readRun(
  activationId: string,
  get: (activationId: string) => Promise<RunRecord | undefined>,
  { atOnce = 16, mostParts = 10_000, onProgress }: ReadOptions = {},
): Promise<ReadRun | undefined> {
  const record = await get(activationId);
  if (record === undefined) return undefined;
  const root: Node = { record, parts: [] };
  const waiting: { parent: Node; at: number; id: string }[] = [];
  let asked = 0;
  let read = 0;
  let missing = 0;
  let unread = 0;
  const open = (node: Node): void => {
    for (const [at, id] of partsOf(node.record).entries()) {
      if (asked++ < mostParts) waiting.push({ parent: node, at, id });
      else unread++;
    }
  };
  open(root);
  const readOne = async ({ parent, at, id }: (typeof waiting)[number]): Promise<void> => {
    const found = await get(id);
    if (found === undefined) {
      missing++;
      return;
    }
    const node: Node = { record: found, parts: [] };
    parent.parts[at] = node;
    onProgress?.(++read);
    open(node);
  };
  while (waiting.length > 0) await Promise.all(waiting.splice(0, atOnce).map(readOne));
  return { run: treeOf(root), missing, unread };
}

function treeOf({ record, parts }: Node): Run {
  return runOf(
    record,
    parts.flatMap((part) => (part === undefined ? [] : [treeOf(part)])),
  );
}

/** The logs of a workflow are the ids of its parts (CO-39). */
function partsOf({ annotations, logs = [] }: RunRecord): readonly string[] {
  const isWorkflow = annotations?.some(({ key, value }) => key === 'kind' && value === 'sequence') === true;
  return isWorkflow ? logs.filter((id) => /^[0-9a-f]{32}$/.test(id)) : [];
}
