import { type Run, type RunRecord, runOf } from './run.js';

export interface ReadOptions {
  /** Records read at once. Default: 16. */
  readonly atOnce?: number;
  /** Parts read at most, those of workflows inside too. Default: 10,000. */
  readonly mostParts?: number;
  /** Hears how many parts have been read. */
  readonly onProgress?: (read: number) => void;
}

export interface ReadRun {
  readonly run: Run;
  /** Parts whose record is not there: they run still, or retention has removed it. */
  readonly missing: number;
  /** Parts beyond the bound, which were not asked for. */
  readonly unread: number;
}

interface Node {
  readonly record: RunRecord;
  readonly parts: (Node | undefined)[];
}

/** Reads a run and its parts; `get` gives one record, undefined where there is none. Undefined when the run itself has none. */
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
